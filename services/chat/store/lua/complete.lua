-- Stores a reply in the history and ends its stream, once.
-- ARGV: now, reply, worker, content, facts, messages max, session ttl ms, reply ttl ms
local reply = read_reply(ARGV[2])
if not reply or reply.worker ~= ARGV[3] then return {'lost'} end
local done = redis.call('HGET', reply_key(reply.id), 'completed')
if done then return {'ok', done} end
local now, content, facts, ttl_ms = now_ms(), ARGV[4], ARGV[5], tonumber(ARGV[7])
if reply.state ~= 'writing' or reply.lease <= now or not session_stands(reply) then return {'lost'} end
local item = indexed(reply.session, reply.message)
if not item then -- trimmed away while its reply was being written
  item = {entry = '', fingerprint = '', reply = reply.id}
else
  item.state = content == '' and 'u' or 'a'
  set_index(reply.session, reply.message, item)
end
if content ~= '' then
  local entry = redis.call('XADD', messages_key(reply.session), '*', 'id', reply.id, 'role', 'assistant',
    'content', content, 'at', int(now), 'reply_to', reply.message, 'facts', facts)
  set_index(reply.session, reply.id, {state = 'r', entry = entry, reply = reply.id, fingerprint = ''})
  trim(reply.session, tonumber(ARGV[6]))
end
touch(reply.session, reply.user, now, ttl_ms)
redis.call('HSET', reply_key(reply.id), 'completed', int(now))
end_reply(reply, cjson.encode({completed = now, facts = cjson.decode(facts)}), tonumber(ARGV[8]))
return {'ok', int(now)}
