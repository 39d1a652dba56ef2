-- Ends a reply with a problem. An ended reply stays as it is.
-- ARGV: now, reply, worker, problem, reply ttl ms
local reply = read_reply(ARGV[2])
if reply and reply.state == 'writing' and reply.worker == ARGV[3] then
  fail_reply(reply, ARGV[4], tonumber(ARGV[5]))
end
return {'ok'}
