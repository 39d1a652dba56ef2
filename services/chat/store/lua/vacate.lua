-- ARGV: now, user, place
redis.call('ZREM', active_key(ARGV[2]), ARGV[3])
return {'ok'}
