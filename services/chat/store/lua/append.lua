-- Adds entries to a reply's stream and renews its lease. Entries that are there already are passed over.
-- ARGV: now, reply, worker, lease ms, reply ttl ms, first seq, then kind and content of each entry
local reply = read_reply(ARGV[2])
if not reply or reply.state ~= 'writing' or reply.worker ~= ARGV[3] then return {'lost'} end
if not session_stands(reply) then return {'lost'} end
local now, lease_ms, ttl_ms, seq = now_ms(), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if reply.lease <= now then return {'lost'} end
for i = 7, #ARGV, 2 do
  if seq > reply.seq then
    redis.call('XADD', deltas_key(reply.id), int(seq) .. '-0', ARGV[i], ARGV[i + 1])
    reply.seq = seq
  end
  seq = seq + 1
end
redis.call('HSET', reply_key(reply.id), 'seq', int(reply.seq), 'lease', int(now + lease_ms))
redis.call('ZADD', active_key(reply.user), int(now + lease_ms), reply.id)
redis.call('PEXPIRE', reply_key(reply.id), ttl_ms)
redis.call('PEXPIRE', deltas_key(reply.id), ttl_ms)
return {'ok', reply.cancel and 1 or 0}
