"""Records that several monitors share, in Redis: they send one probe between them. An adapter.

One hash a target. Each step is one script, so that no two monitors see the same moment differently, and
the time is the server's, so that their clocks need not agree. Plain commands: Redis 7 and Valkey alike.
"""

import secrets
from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.health_monitor.checks import Check
from gateway.health_monitor.records import Leave, Record, StoreUnavailable
from gateway.health_monitor.targets import Target
from services.common.circuit_breaker import BreakerState

_KEEP_SECONDS = 24 * 3600
"""A target that nobody watches any more is forgotten after a day."""

_NOW = "local t = redis.call('TIME'); local now = t[1] + t[2] / 1e6\n"

_BEGIN = (
    _NOW
    + """
local opened_at = tonumber(redis.call('HGET', KEYS[1], 'opened_at') or '')
if not opened_at then return 'check' end
if now < opened_at + tonumber(ARGV[2]) then return '' end
local until_ = tonumber(redis.call('HGET', KEYS[1], 'probe_until') or '0')
if now < until_ then return '' end
redis.call('HSET', KEYS[1], 'probe', ARGV[1], 'probe_until', string.format('%.6f', now + tonumber(ARGV[3])))
return 'probe'
"""
)

_REPORT = (
    _NOW
    + """
local key, token, is_probe, ok = KEYS[1], ARGV[1], ARGV[2] == '1', ARGV[3] == '1'
local stamp = string.format('%.6f', now)
local opened_at = redis.call('HGET', key, 'opened_at')
if is_probe and redis.call('HGET', key, 'probe') == token then
  redis.call('HDEL', key, 'probe', 'probe_until')
  if ok then
    redis.call('HDEL', key, 'opened_at')
    redis.call('HSET', key, 'failures', 0, 'since', stamp)
  else
    redis.call('HINCRBY', key, 'failures', 1)
    redis.call('HSET', key, 'opened_at', stamp)
  end
elseif not opened_at then
  if ok then
    redis.call('HSET', key, 'failures', 0)
  elseif redis.call('HINCRBY', key, 'failures', 1) >= tonumber(ARGV[4]) then
    redis.call('HSET', key, 'opened_at', stamp, 'since', stamp)
  end
end
redis.call('HSETNX', key, 'since', stamp)
redis.call('HSET', key, 'checked_at', stamp, 'latency', ARGV[5], 'error', ARGV[6], 'note', ARGV[7])
redis.call('EXPIRE', key, ARGV[8])
return 1
"""
)

_READ = _NOW + "return {string.format('%.6f', now), redis.call('HGETALL', KEYS[1])}"


class SharedRecords:
    """`client` has decode_responses on and short timeouts; it is closed by the caller."""

    def __init__(self, client: Redis, prefix: str = "parley:gateway:health") -> None:
        self._client = client
        self._prefix = prefix

    async def begin(self, target: Target) -> Leave | None:
        token = secrets.token_hex(8)
        limits = target.thresholds
        given = await self._run(
            _BEGIN, target, token, str(limits.reset_timeout_seconds), str(limits.probe_lease_seconds)
        )
        return Leave(token, is_probe=given == "probe") if given else None

    async def report(self, target: Target, leave: Leave, found: Check) -> Record:
        await self._run(
            _REPORT,
            target,
            leave.token,
            str(int(leave.is_probe)),
            str(int(found.ok)),
            str(target.thresholds.failure_threshold),
            f"{found.latency_seconds:.6f}",
            found.error or "",
            found.note,
            str(_KEEP_SECONDS),
        )
        return await self.read(target)

    async def read(self, target: Target) -> Record:
        now, flat = cast("tuple[str, list[str]]", await self._run(_READ, target))
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return _record(fields, float(now), target.thresholds.reset_timeout_seconds)

    async def _run(self, script: str, target: Target, *arguments: str) -> object:
        try:
            call = self._client.eval(script, 1, f"{self._prefix}:{target.key}", *arguments)
            return await cast("Awaitable[object]", call)
        except (RedisError, OSError, TimeoutError) as exc:
            raise StoreUnavailable from exc


def _record(fields: dict[str, str], now: float, reset_timeout_seconds: float) -> Record:
    retry_at = _number(fields, "opened_at")
    if retry_at is not None:
        retry_at += reset_timeout_seconds
    return Record(
        state=_state(retry_at, now),
        since=_number(fields, "since"),
        consecutive_failures=int(fields.get("failures", "0")),
        checked_at=_number(fields, "checked_at"),
        latency_seconds=_number(fields, "latency"),
        error=fields.get("error") or None,
        note=fields.get("note", ""),
        retry_at=retry_at,
    )


def _number(fields: dict[str, str], name: str) -> float | None:
    return float(fields[name]) if name in fields else None


def _state(retry_at: float | None, now: float) -> BreakerState:
    if retry_at is None:
        return BreakerState.CLOSED
    return BreakerState.OPEN if now < retry_at else BreakerState.HALF_OPEN
