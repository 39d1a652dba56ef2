-- Stores a user's message once and reserves its reply; or finds it stored before.
-- ARGV: now, user, session, message, reply, worker, content, title, fingerprint, once key or '', mode,
--   nonce, interrupted problem, lease, session ttl, reply ttl, once ttl (all ms), messages max,
--   sessions max, generations max, pace interval ms, pace burst ms, prompt messages max
local user, session, message = ARGV[2], ARGV[3], ARGV[4]
local reply, worker, content, title, fingerprint = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local once, mode, nonce, interrupted = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local lease_ms, ttl_ms, reply_ttl_ms = tonumber(ARGV[14]), tonumber(ARGV[15]), tonumber(ARGV[16])
local once_ttl_ms, messages_max = tonumber(ARGV[17]), tonumber(ARGV[18])
local sessions_max, generations_max = tonumber(ARGV[19]), tonumber(ARGV[20])
local pace_ms, burst_ms, prompt_max = tonumber(ARGV[21]), tonumber(ARGV[22]), tonumber(ARGV[23])
local now = now_ms()

local function reserve(item)
  local stands = redis.call('HGET', session_key(session), 'nonce')
  item.state, item.reply = 'p', reply
  set_index(session, message, item)
  redis.call('HSET', reply_key(reply), 'state', 'writing', 'worker', worker, 'lease', int(now + lease_ms),
    'seq', '0', 'session', session, 'nonce', stands, 'message', message, 'user', user)
  redis.call('PEXPIRE', reply_key(reply), reply_ttl_ms)
  redis.call('ZADD', active_key(user), int(now + lease_ms), reply)
  touch(session, user, now, ttl_ms)
end

local function stored_row(item)
  return redis.call('XRANGE', messages_key(session), item.entry, item.entry)[1]
end

local function found(outcome, item, duplicate)
  local row = stored_row(item)
  return {outcome, session, message, item.reply, row[2], duplicate}
end

-- With what was said before, the newest first, so that the prompt costs no round trip of its own.
local function begun(item, duplicate)
  local answer = found('begun', item, duplicate)
  local rows = redis.call('XREVRANGE', messages_key(session), '(' .. item.entry, '-', 'COUNT', prompt_max)
  answer[7], answer[8] = rows, states_of(session, rows, now, interrupted, reply_ttl_ms)
  return answer
end

local function again(item)
  if mode ~= 'retry' and item.fingerprint ~= fingerprint then return {'reused'} end
  if item.state == 'r' then return {'reused'} end
  if item.state == 'a' then return found('answered', item, 1) end
  local running = settled_reply(item.reply, now, interrupted, reply_ttl_ms)
  if running and running.worker == worker then return begun(item, 0) end -- our own call, repeated
  if running and running.state == 'writing' then return found('running', item, 1) end
  local refused = refusal(user, now, generations_max, pace_ms, burst_ms)
  if refused then return refused end
  reserve(item)
  return begun(item, 1)
end

local function create_session()
  redis.call('ZREMRANGEBYSCORE', sessions_key(user), '-inf', int(now - ttl_ms))
  if redis.call('ZCARD', sessions_key(user)) >= sessions_max then return {'sessions'} end
  redis.call('HSET', session_key(session), 'user', user, 'nonce', nonce, 'title', title, 'created', int(now))
  return nil
end

local function store()
  local refused = refusal(user, now, generations_max, pace_ms, burst_ms)
  if refused then return refused end
  if ownership(session, user) == 'nobody' then
    refused = create_session()
    if refused then return refused end
  end
  local entry = redis.call('XADD', messages_key(session), '*',
    'id', message, 'role', 'user', 'content', content, 'at', int(now))
  local item = {entry = entry, fingerprint = fingerprint}
  reserve(item)
  trim(session, messages_max)
  if once ~= '' then redis.call('SET', once, session .. '|' .. message, 'PX', int(once_ttl_ms)) end
  return begun(item, 0)
end

-- A key used before leads to the session and message of that time, as long as they are kept.
local function follow_once()
  local value = once ~= '' and redis.call('GET', once)
  if not value then return true end
  local of_session, of_message = string.match(value, '^(.-)|(.*)$')
  if ownership(of_session, user) ~= 'mine' or not indexed(of_session, of_message) then return true end
  if mode == 'named' and of_session ~= session then return false end
  session, message = of_session, of_message
  return true
end

if not follow_once() then return {'reused'} end
local whose = ownership(session, user)
if whose == 'other' or (whose == 'nobody' and mode == 'retry') then return {'no_session'} end
local item = indexed(session, message)
if item then return again(item) end
if mode == 'retry' then return {'no_message'} end
return store()
