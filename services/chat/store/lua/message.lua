-- One message with its state.
-- ARGV: now, user, session, message
if ownership(ARGV[3], ARGV[2]) ~= 'mine' then return {'no_session'} end
local item = indexed(ARGV[3], ARGV[4])
if not item then return {'no_message'} end
local row = redis.call('XRANGE', messages_key(ARGV[3]), item.entry, item.entry)[1]
return {'ok', row, told_state(item)}
