"""The steps of a job in Redis, each of them one script and safe to repeat.

KEYS: 1 the job, 2 its lease, 3 its pieces, 4 the open jobs of its owner, 5 all open jobs.
"""

_END = """
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('DEL', KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[4], id)
redis.call('ZREM', KEYS[5], id)
"""

CREATE = """
local id, now, per_user, open_max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('EXISTS', KEYS[1]) == 1 then return 'created' end
if redis.call('ZCARD', KEYS[4]) >= per_user then return 'user' end
if redis.call('ZCARD', KEYS[5]) >= open_max then return 'all' end
redis.call('HSET', KEYS[1], 'state', 'queued', 'created_at', now, unpack(ARGV, 5))
redis.call('ZADD', KEYS[4], now, id)
redis.call('ZADD', KEYS[5], now, id)
return 'created'
"""

CLAIM = """
local token, lease, now, attempts_max = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return 'ended' end
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= token then return 'held' end
redis.call('SET', KEYS[2], token, 'PX', lease)
if not holder then redis.call('HINCRBY', KEYS[1], 'attempts', 1) end
redis.call('HSET', KEYS[1], 'state', 'running')
redis.call('HSETNX', KEYS[1], 'started_at', now)
if tonumber(redis.call('HGET', KEYS[1], 'attempts')) > attempts_max then return 'poison' end
return 'mine'
"""

_MINE = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'state') ~= 'running' then return 0 end
"""

RENEW = _MINE + "return redis.call('PEXPIRE', KEYS[2], ARGV[2])"

NOTE = _MINE + "redis.call('HSET', KEYS[1], unpack(ARGV, 2)) return 1"
"""Fields of the job, by who holds it."""

PIECE = (
    _MINE
    + """
redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[1], 'pieces_done', redis.call('HLEN', KEYS[3]), 'progress', ARGV[4], 'attempts', 1)
return 1
"""
)

END = (
    _MINE
    + """
local id, ttl = ARGV[2], ARGV[3]
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
"""
    + _END
    + "return 1"
)

GIVE_BACK = (
    _MINE
    + """
redis.call('HSET', KEYS[1], 'state', 'queued')
redis.call('DEL', KEYS[2])
return 1
"""
)

CANCEL = (
    """
local id, ttl, now = ARGV[1], ARGV[2], ARGV[3]
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'running' then return state end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'finished_at', now)
"""
    + _END
    + "return 'cancelled'"
)
