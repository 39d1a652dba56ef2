-- Whether the session is the user's or nobody's; somebody else's is no session.
-- ARGV: now, user, session
local whose = ownership(ARGV[3], ARGV[2])
return {whose == 'other' and 'no_session' or whose}
