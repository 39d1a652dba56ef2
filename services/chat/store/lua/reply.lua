-- A reply's state; one whose writer died is failed first.
-- ARGV: now, user, reply, interrupted problem, reply ttl ms
local reply = settled_reply(ARGV[3], now_ms(), ARGV[4], tonumber(ARGV[5]))
if not reply or reply.user ~= ARGV[2] then return {'no_reply'} end
return {'ok', reply.session, reply.message, int(reply.seq), reply.state == 'ended' and 1 or 0}
