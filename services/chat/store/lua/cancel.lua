-- Asks a reply's writer to stop; it is told at its next append.
-- ARGV: now, user, reply
local reply = read_reply(ARGV[3])
if not reply or reply.user ~= ARGV[2] then return {'no_reply'} end
redis.call('HSET', reply_key(reply.id), 'cancel', '1')
return {'ok'}
