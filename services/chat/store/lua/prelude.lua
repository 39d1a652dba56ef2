-- Shared by every script: the clock, the names of the keys, and how a reply ends.
-- ARGV[1] is a time in milliseconds for tests; empty: the server's clock, the same for every replica.
-- Keys are named here, not passed in: one Redis, not a cluster.

local function now_ms()
  if ARGV[1] ~= '' then return tonumber(ARGV[1]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function int(number) return string.format('%.0f', number) end

local function session_key(session) return 'chat:session:' .. session end
local function messages_key(session) return 'chat:session:' .. session .. ':messages' end
local function index_key(session) return 'chat:session:' .. session .. ':index' end
local function sessions_key(user) return 'chat:user:' .. user .. ':sessions' end
local function active_key(user) return 'chat:user:' .. user .. ':active' end
local function reply_key(reply) return 'chat:reply:' .. reply end
local function deltas_key(reply) return 'chat:reply:' .. reply .. ':deltas' end

-- The index of a session: message id -> "state|entry|reply|fingerprint".
-- States: p(ending) a(nswered) u(nanswered) of a user's message; r(eply), whose "fingerprint" is how many of
-- its characters were heard, where it was spoken and cut off.
local function indexed(session, message)
  local value = redis.call('HGET', index_key(session), message)
  if not value then return nil end
  local state, entry, reply, fingerprint = string.match(value, '^(.-)|(.-)|(.-)|(.*)$')
  return {state = state, entry = entry, reply = reply, fingerprint = fingerprint}
end

-- What a reader is told of a message: "state|reply", and of a reply how many characters were heard.
local function told_state(item)
  return item.state .. '|' .. item.reply .. (item.state == 'r' and '|' .. item.fingerprint or '')
end

local function set_index(session, message, item)
  local value = table.concat({item.state, item.entry, item.reply, item.fingerprint}, '|')
  redis.call('HSET', index_key(session), message, value)
end

-- "mine", "nobody" or "other"
local function ownership(session, user)
  local owner = redis.call('HGET', session_key(session), 'user')
  if not owner then return 'nobody' end
  return owner == user and 'mine' or 'other'
end

local function read_reply(reply)
  local fields = redis.call('HMGET', reply_key(reply),
    'state', 'worker', 'lease', 'seq', 'session', 'nonce', 'message', 'user', 'cancel')
  if not fields[1] then return nil end
  return {id = reply, state = fields[1], worker = fields[2], lease = tonumber(fields[3]),
    seq = tonumber(fields[4]), session = fields[5], nonce = fields[6], message = fields[7],
    user = fields[8], cancel = fields[9] == '1'}
end

-- Whether the session is still the one that the reply was begun in: not deleted, not begun anew.
local function session_stands(reply)
  return redis.call('HGET', session_key(reply.session), 'nonce') == reply.nonce
end

local function end_reply(reply, ending, ttl_ms)
  redis.call('XADD', deltas_key(reply.id), int(reply.seq + 1) .. '-0', 'e', ending)
  redis.call('HSET', reply_key(reply.id), 'state', 'ended', 'seq', int(reply.seq + 1))
  redis.call('PEXPIRE', reply_key(reply.id), ttl_ms)
  redis.call('PEXPIRE', deltas_key(reply.id), ttl_ms)
  redis.call('ZREM', active_key(reply.user), reply.id)
end

local function fail_reply(reply, problem, ttl_ms)
  end_reply(reply, problem, ttl_ms)
  if not session_stands(reply) then return end
  local item = indexed(reply.session, reply.message)
  if item and item.reply == reply.id then
    item.state = 'u'
    set_index(reply.session, reply.message, item)
  end
end

-- The reply, failed first if its writer has let the lease run out.
local function settled_reply(reply_id, now, problem, ttl_ms)
  local reply = read_reply(reply_id)
  if reply and reply.state == 'writing' and reply.lease <= now then
    fail_reply(reply, problem, ttl_ms)
    return read_reply(reply_id)
  end
  return reply
end

-- The state of each of a stream's rows; a message whose writer died is unanswered by this.
local function states_of(session, rows, now, problem, ttl_ms)
  local states = {}
  for i, row in ipairs(rows) do
    local id = row[2][2]
    local item = indexed(session, id)
    if item.state == 'p' then
      local reply = settled_reply(item.reply, now, problem, ttl_ms)
      if not reply or reply.state ~= 'writing' then item = indexed(session, id) end
      if not reply then item.state = 'u' end
    end
    states[i] = told_state(item)
  end
  return states
end

-- Drops what goes beyond the bound from the stream and from the index.
local function trim(session, messages_max)
  local excess = redis.call('XLEN', messages_key(session)) - messages_max
  if excess <= 0 then return end
  for _, row in ipairs(redis.call('XRANGE', messages_key(session), '-', '+', 'COUNT', excess)) do
    redis.call('HDEL', index_key(session), row[2][2]) -- the first field of an entry is its message id
  end
  redis.call('XTRIM', messages_key(session), 'MAXLEN', messages_max)
end

local function touch(session, user, now, ttl_ms)
  redis.call('HSET', session_key(session), 'updated', int(now))
  redis.call('ZADD', sessions_key(user), int(now), session)
  for _, key in ipairs({session_key(session), messages_key(session), index_key(session), sessions_key(user)}) do
    redis.call('PEXPIRE', key, ttl_ms)
  end
end

local function summary(session)
  local fields = redis.call('HMGET', session_key(session), 'title', 'created', 'updated')
  return {session, fields[1] or '', fields[2] or '0', fields[3] or '0',
    redis.call('XLEN', messages_key(session))}
end

-- One user's pace, as a virtual clock that each message puts forward (GCRA).
local function paced(user, now, pace_ms, burst_ms)
  local key = 'chat:user:' .. user .. ':pace'
  local due = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local wait = due + pace_ms - burst_ms - now
  if wait > 0 then return wait end
  redis.call('SET', key, int(due + pace_ms), 'PX', int(due + pace_ms - now + 1000))
  return nil
end

-- Nil: the user may have one more answer written.
local function refusal(user, now, generations_max, pace_ms, burst_ms)
  redis.call('ZREMRANGEBYSCORE', active_key(user), '-inf', int(now))
  if redis.call('ZCARD', active_key(user)) >= generations_max then return {'generations'} end
  local wait = paced(user, now, pace_ms, burst_ms)
  if wait then return {'pace', int(wait)} end
  return nil
end
