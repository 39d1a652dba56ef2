"""What a machine carries, for docs/scale.md: `python -m bench.sizing [--only NAME …] [--markdown]`.

Through the gateway of the local stack of this checkout, or of one that is started: what the model server
writes, what the voice service hears and speaks, what a conversation takes in Redis, a process of memory.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import httpx
import numpy as np
import psutil
from redis import Redis

from bench.report import Row, markdown, print_table
from scripts.local_stack.plan import VALKEY
from tests.support.audio_files import wav
from tests.support.local_stack import LocalStack, local_stack
from tests.support.recordings import two_cities
from tests.support.voice_caller import TRANSCRIBE

COMPLETIONS, CHAT = "/v1/chat/completions", "/api/v1/chat-service/api/v1/chat"
SYNTHESIZE = "/api/v1/voice/tts/synthesize"
ANSWER_TOKENS, CLIP_SECONDS, SESSIONS = 64, 10, 4
SENTENCE = "The kettle is on, the door is open, and the morning paper lies on the table by the window."
Measure = Callable[[LocalStack], Coroutine[Any, Any, Sequence[Row]]]


async def writing(stack: LocalStack) -> list[Row]:
    rows = []
    for at_once in (1, 4, 16):
        started = time.perf_counter()
        answers = await asyncio.gather(*(_completed(stack) for _ in range(at_once)))
        seconds = time.perf_counter() - started
        tokens = sum(tokens for tokens, _ in answers)
        first = statistics.median(seconds for _, seconds in answers)
        measured = f"{tokens / seconds:.0f} tokens a second in all; the first after {first:.1f} s (median)"
        rows.append(Row(f"{at_once} answers at once, by the embedded model", measured))
    return rows


async def _completed(stack: LocalStack) -> tuple[int, float]:
    """Tokens of an answer to a user of its own, and seconds until its first one."""
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": "Tell me a long story about a lighthouse."}],
        "max_tokens": ANSWER_TOKENS,
        "stream": True,
    }
    started, first, tokens = time.perf_counter(), 0.0, 0
    async with _client(stack) as client, client.stream("POST", COMPLETIONS, json=body) as reply:
        reply.raise_for_status()
        async for line in reply.aiter_lines():
            if line.startswith("data: {") and '"content"' in line:
                first = first or time.perf_counter() - started
                tokens += 1
    return tokens, first


async def hearing(stack: LocalStack) -> list[Row]:
    clip = wav(two_cities().samples()[np.newaxis, : CLIP_SECONDS * 16_000])

    async def heard(client: httpx.AsyncClient) -> float:
        (await client.post(TRANSCRIBE, files={"audio": clip})).raise_for_status()
        return float(CLIP_SECONDS)

    return await _throughput(stack, "heard by Whisper base", heard, (1, 4))


async def speaking(stack: LocalStack) -> list[Row]:
    async def spoken(client: httpx.AsyncClient) -> float:
        reply = (await client.post(SYNTHESIZE, json={"text": SENTENCE, "format": "pcm"})).raise_for_status()
        return len(reply.content) / 2 / int(reply.headers["X-Sample-Rate"])

    return await _throughput(stack, "spoken by the first voice", spoken, (1, 2))


async def _throughput(
    stack: LocalStack, what: str, call: Callable[[httpx.AsyncClient], Awaitable[float]], crowds: Sequence[int]
) -> list[Row]:
    rows = []
    async with _client(stack) as client:
        await call(client)
        for at_once in crowds:
            rates = []
            for _ in range(3):
                started = time.perf_counter()
                audio = sum(await asyncio.gather(*(call(client) for _ in range(at_once))))
                rates.append(audio / (time.perf_counter() - started))
            rows.append(
                Row(
                    f"Speech {what}, {at_once} at once",
                    f"{statistics.median(rates):.1f} s of audio a second",
                )
            )
    return rows


async def remembering(stack: LocalStack) -> list[Row]:
    """Both messages of an exchange count: the question and its answer."""
    valkey = Redis.from_url(stack.inner_url(VALKEY).replace("http", "redis"))
    async with _client(stack) as client:
        await client.post(CHAT, json={"message": SENTENCE})
        before = _used(valkey)
        for number in range(SESSIONS):
            body = {"message": f"{number}: {SENTENCE}", "session_id": f"sizing-{time.time_ns()}"}
            (await client.post(CHAT, json=body)).raise_for_status()
    taken = (_used(valkey) - before) / SESSIONS / 1000
    return [Row("A new session with one exchange, in Redis", f"{taken:.1f} kB, the reply's stream included")]


async def standing(stack: LocalStack) -> list[Row]:
    found = [(one.name, one.id) for one in stack.read_state().processes if one.id is not None]
    return [
        Row(f"Memory of {name}", f"{psutil.Process(process.pid).memory_info().rss / 1e6:.0f} MB")
        for name, process in found
    ]


def _used(valkey: Redis) -> int:
    return int(valkey.info("memory")["used_memory_dataset"])


def _client(stack: LocalStack) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {stack.token(f'sizing-{time.time_ns()}')}"}
    return httpx.AsyncClient(base_url=stack.base_url, headers=headers, timeout=300)


MEASURES: dict[str, Measure] = {
    "writing": writing,
    "hearing": hearing,
    "speaking": speaking,
    "remembering": remembering,
    "standing": standing,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sizing", description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=tuple(MEASURES))
    parser.add_argument("--markdown", action="store_true", help="print the table for a document too")
    options = parser.parse_args()
    rows: list[Row] = []
    with local_stack() as stack:
        for name in options.only:
            rows += asyncio.run(MEASURES[name](stack))
    print_table("Sizing", rows)
    if options.markdown:
        print(markdown(rows))


if __name__ == "__main__":
    main()
