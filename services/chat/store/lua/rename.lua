-- ARGV: now, user, session, title
if ownership(ARGV[3], ARGV[2]) ~= 'mine' then return {'no_session'} end
redis.call('HSET', session_key(ARGV[3]), 'title', ARGV[4])
return {'ok', summary(ARGV[3])}
