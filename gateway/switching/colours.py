"""How a colour is just now: whether it would serve, whether it does, what still runs there. An adapter."""

from dataclasses import dataclass
from typing import Protocol

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.common.blue_green import Colour
from services.common.health import ROLE_CHECK

_IN_PROGRESS = "http_requests_in_progress"
_WORDS: dict[type[Exception], str] = {
    httpx.ConnectError: "nothing listens there",
    httpx.RemoteProtocolError: "what answers there does not speak HTTP",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`fault`: why it would not serve, or None. `serving`: it would, and it is its turn."""

    fault: str | None
    serving: bool = False


class Colours(Protocol):
    async def condition(self, colour: Colour) -> Condition:
        """Never raises: what is wrong is the finding."""
        ...

    async def requests_under_way(self, colour: Colour) -> int | None:
        """None where it does not say."""
        ...


class HttpColours:
    """`upstreams`: host:port of each colour. The client is closed by the caller."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        upstreams: dict[Colour, str],
        *,
        ready_path: str,
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._upstreams = upstreams
        self._ready_path = ready_path
        self._timeout_seconds = timeout_seconds

    async def condition(self, colour: Colour) -> Condition:
        try:
            reply = await self._get(colour, self._ready_path)
        except httpx.TimeoutException:
            return Condition(f"no answer within {self._timeout_seconds:g} s")
        except httpx.HTTPError as exc:
            return Condition(_WORDS.get(type(exc), f"the connection failed ({type(exc).__name__})"))
        return _judge(reply)

    async def requests_under_way(self, colour: Colour) -> int | None:
        try:
            exposition = (await self._get(colour, "/metrics")).text
            families = list(text_string_to_metric_families(exposition))
        except (httpx.HTTPError, ValueError):
            return None
        samples = [s.value for family in families if family.name == _IN_PROGRESS for s in family.samples]
        return max(0, int(samples[0]) - 1) if samples else None  # without the question itself

    async def _get(self, colour: Colour, path: str) -> httpx.Response:
        return await self._client.get(
            f"http://{self._upstreams[colour]}{path}", timeout=self._timeout_seconds
        )


def _judge(reply: httpx.Response) -> Condition:
    """An idle colour answers 503 for its role alone; all its other checks must be well."""
    try:
        checks: dict[str, str] = dict(reply.json()["checks"])
    except (ValueError, KeyError, TypeError):
        return Condition(f"it answered {reply.status_code} without saying how it is")
    serving = reply.status_code == httpx.codes.OK
    unwell = [f"{name}: {word}" for name, word in checks.items() if word != "ok" and name != ROLE_CHECK]
    if unwell:
        return Condition("; ".join(unwell), serving)
    if not serving and checks.get(ROLE_CHECK, "ok") == "ok":
        return Condition(f"it answered {reply.status_code} and gave no reason")
    return Condition(None, serving)
