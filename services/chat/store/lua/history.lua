-- A page of a session's messages, with the state of each.
-- ARGV: now, user, session, direction (before|after), message id or '', limit, interrupted problem, reply ttl ms
local user, session, direction, cursor = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local limit, now = tonumber(ARGV[6]), now_ms()
if ownership(session, user) ~= 'mine' then return {'no_session'} end
local from = direction == 'before' and '+' or '-'
if cursor ~= '' then
  local item = indexed(session, cursor)
  if not item then return {'no_message'} end
  from = '(' .. item.entry
end
local key = messages_key(session)
local rows = direction == 'before'
  and redis.call('XREVRANGE', key, from, '-', 'COUNT', limit + 1)
  or redis.call('XRANGE', key, from, '+', 'COUNT', limit + 1)
local more = #rows > limit
if more then table.remove(rows) end
local states = states_of(session, rows, now, ARGV[7], tonumber(ARGV[8]))
return {'ok', summary(session), rows, states, more and 1 or 0}
