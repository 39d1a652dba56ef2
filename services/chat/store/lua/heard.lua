-- Keeps how much of a reply was heard: what is read of it from now on. The whole of it stays.
-- ARGV: now, user, session, reply, characters
if ownership(ARGV[3], ARGV[2]) ~= 'mine' then return {'no_session'} end
local item = indexed(ARGV[3], ARGV[4])
if not item or item.state ~= 'r' then return {'no_message'} end
item.fingerprint = ARGV[5] -- a reply has none of its own
set_index(ARGV[3], ARGV[4], item)
return {'ok'}
