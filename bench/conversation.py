"""How a spoken conversation feels: the stages of each turn, how soon we fall silent, what begins no turn.

    ./scripts/up --detach && .venv/bin/python -m bench.conversation --url http://localhost:8080

Speaks a real recording to /v1/realtime at the pace of a microphone, in frames of 20 ms, and notes when what
comes back. Prints medians and 90th percentiles, and the goals.
"""

import argparse
import asyncio
import base64
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from services.voice.listening.voice_detector import FRAME_SAMPLES, VoiceDetector
from tests.support.recordings import beckett

ROOT = Path(__file__).resolve().parent.parent
RATE_HZ = 24_000
FRAME_SECONDS = 0.02
_STAGES = ("end_of_turn", "transcript", "first_token", "first_phrase", "first_audio")
_AUDIO = "response.output_audio.delta"
_LISTEN_SECONDS = 4.0
"""To each reply, before it is cut off."""
_BREATH_SECONDS = 0.12
_GOAL_FIRST_AUDIO_SECONDS = 1.2
_GOAL_BARGE_IN_SECONDS = 0.2


@dataclass
class Client:
    """A microphone that never stops, and ears that note when what came."""

    socket: ClientConnection
    waiting: list[NDArray[np.float32]] = field(default_factory=list)
    events: "asyncio.Queue[tuple[float, dict[str, Any]]]" = field(default_factory=asyncio.Queue)

    async def run_microphone(self, pace: float = 1.0) -> None:
        frame = int(RATE_HZ * FRAME_SECONDS)
        due = time.monotonic()
        while True:
            if self.waiting:
                sound = self.waiting[0]
                piece, rest = sound[:frame], sound[frame:]
                self.waiting[:1] = [rest] if len(rest) else []
            else:
                piece = np.zeros(0, dtype=np.float32)
            await self._send(np.pad(piece, (0, frame - len(piece))))
            due += FRAME_SECONDS / pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def run_ears(self) -> None:
        async for message in self.socket:
            await self.events.put((time.monotonic(), json.loads(message)))

    async def until(self, kind: str, within_seconds: float = 60.0) -> tuple[float, dict[str, Any]]:
        async with asyncio.timeout(within_seconds):
            while True:
                at, event = await self.events.get()
                if event["type"] == "error":
                    raise SystemExit(f"error: {event['error']['message']}")
                if event["type"] == kind:
                    return at, event

    async def say(self, sound: NDArray[np.float32]) -> float:
        """Returns when its last sample has been sent."""
        self.waiting.append(sound)
        while self.waiting:  # noqa: ASYNC110 - the microphone's own clock is what is waited for
            await asyncio.sleep(0.005)
        return time.monotonic()

    async def _send(self, samples: NDArray[np.float32]) -> None:
        pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        message = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
        await self.socket.send(json.dumps(message))


def utterances() -> list[NDArray[np.float32]]:
    """Pairs of short sentences out of a real recording, their pauses shortened to a breath, at RATE_HZ."""
    samples = beckett().samples()
    voiced = np.array(VoiceDetector().probabilities(samples)) > 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[False], _bridged(voiced), [False]]).astype(int)))
    spans = [samples[start:end] for start, end in (edges * FRAME_SAMPLES).reshape(-1, 2)]
    breath = np.zeros(int(_BREATH_SECONDS * 16_000), dtype=np.float32)
    pairs = [
        np.concatenate([first, breath, second]) for first, second in zip(spans[::2], spans[1::2], strict=True)
    ]
    return [np.asarray(soxr.resample(pair, 16_000, RATE_HZ), dtype=np.float32) for pair in pairs]


def _bridged(voiced: NDArray[np.bool_], gap_frames: int = 8) -> NDArray[np.bool_]:
    result = voiced.copy()
    for left, right in pairwise(np.flatnonzero(voiced)):
        if right - left <= gap_frames:
            result[left:right] = True
    return result


async def turns(client: Client, count: int) -> list[dict[str, float]]:
    """Stages of each turn in seconds, as the client sees them and as the server says them."""
    sounds, found = utterances(), []
    for number in range(count):
        ended_at = await client.say(sounds[number % len(sounds)])
        heard_at, _ = await client.until("conversation.item.input_audio_transcription.completed")
        audio_at, gap, done = await listened_to_reply(client)
        stages = {name: int(done["response"]["metadata"].get(f"{name}_ms", 0)) / 1000 for name in _STAGES}
        stages["client_transcript"], stages["client_first_audio"] = heard_at - ended_at, audio_at - ended_at
        stages["longest_gap"] = gap
        found.append(stages)
        await asyncio.sleep(1.0)
        _forget(client)
    return found


async def listened_to_reply(client: Client) -> tuple[float, float, dict[str, Any]]:
    """When its first audio came, the longest that a player had to wait for more, and its response.done."""
    begun_at, played_until, gap = 0.0, 0.0, 0.0
    cutting: asyncio.Task[None] | None = None
    async with asyncio.timeout(60):
        while True:
            at, event = await client.events.get()
            if event["type"] == _AUDIO:
                if not begun_at:
                    begun_at = played_until = at
                    cutting = asyncio.create_task(cut_off(client, _LISTEN_SECONDS))
                gap = max(gap, at - played_until)
                seconds = len(base64.b64decode(event["delta"])) / 2 / RATE_HZ
                played_until = max(at, played_until) + seconds
            elif event["type"] == "response.done":
                if cutting is not None:
                    cutting.cancel()
                return begun_at, gap, event


async def cut_off(client: Client, after_seconds: float) -> None:
    await asyncio.sleep(after_seconds)
    await client.socket.send(json.dumps({"type": "response.cancel"}))


async def barge_ins(client: Client, count: int) -> list[float]:
    """From the first frame with the user's voice in it to the word that our voice stops."""
    sounds, found = utterances(), []
    for number in range(count):
        await client.say(sounds[number % len(sounds)])
        await client.until(_AUDIO)
        await asyncio.sleep(0.5)
        _forget(client)
        begun_at = time.monotonic()
        client.waiting.append(sounds[(number + 1) % len(sounds)])
        stopped_at, _ = await client.until("input_audio_buffer.speech_started")
        found.append(stopped_at - begun_at)
        await client.until(_AUDIO)
        await client.socket.send(json.dumps({"type": "response.cancel"}))
        await asyncio.sleep(1.5)
        _forget(client)
    return found


async def nothing_begins(client: Client, seconds: float) -> dict[str, int]:
    """Turns begun by so much silence, noise and hum each."""
    rng = np.random.default_rng(7)
    at = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    hum = 0.05 * sum(np.sin(2 * np.pi * 50 * k * at) / k for k in (1, 2, 3, 5))
    noises = {
        "silence": np.zeros(len(at)),
        "white noise": 0.03 * rng.standard_normal(len(at)),
        "pink noise": 0.03 * _pink(rng, len(at)),
        "hum": hum,
    }
    found = {}
    for name, noise in noises.items():
        _forget(client)
        await client.say(np.asarray(noise, dtype=np.float32))
        await asyncio.sleep(1.0)
        found[name] = _forget(client).count("input_audio_buffer.speech_started")
    return found


def _pink(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum /= np.sqrt(np.maximum(1, np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / np.std(noise))


def _forget(client: Client) -> list[str]:
    kinds = []
    while not client.events.empty():
        kinds.append(client.events.get_nowait()[1]["type"])
    return kinds


async def measured(arguments: argparse.Namespace, token: str) -> dict[str, Any]:
    url = arguments.url.replace("http", "ws", 1) + "/v1/realtime?model=parley"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(url, additional_headers=headers, max_size=None) as socket:
        client = Client(socket)
        tasks = [asyncio.create_task(client.run_ears())]
        await client.until("session.created")
        microphone = asyncio.create_task(client.run_microphone())
        tasks.append(microphone)
        report: dict[str, Any] = {"turns": await turns(client, arguments.turns)}
        report["barge_in"] = await barge_ins(client, arguments.barge_ins)
        microphone.cancel()
        tasks.append(asyncio.create_task(client.run_microphone(pace=arguments.noise_pace)))
        report["begun"] = await nothing_begins(client, arguments.noise_seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return report


def show(report: dict[str, Any]) -> None:
    print(f"{'from the end of speech to':28} {'median':>8} {'p90':>8}")
    for name in (*_STAGES, "client_transcript", "client_first_audio"):
        _row(name, [turn[name] for turn in report["turns"]])
    print(f"goal: first audio {_GOAL_FIRST_AUDIO_SECONDS:g} s median over {len(report['turns'])} turns\n")
    _row("longest gap within a reply", [turn["longest_gap"] for turn in report["turns"]])
    _row("our silence on barge-in", report["barge_in"])
    print(f"goal: {_GOAL_BARGE_IN_SECONDS:g} s\n")
    for name, count in report["begun"].items():
        print(f"turns begun by {name:14} {count}")


def _row(name: str, seconds: Sequence[float]) -> None:
    if seconds:
        nine = sorted(seconds)[int(0.9 * (len(seconds) - 1))]
        print(f"{name:28} {statistics.median(seconds):8.3f} {nine:8.3f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", default="http://localhost:8080")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--barge-ins", type=int, default=10)
    parser.add_argument("--noise-seconds", type=float, default=150.0, help="of each of four noises")
    parser.add_argument("--noise-pace", type=float, default=8.0, help="times the pace of a microphone")
    parser.add_argument("--json", type=Path, help="write the report here too")
    arguments = parser.parse_args()
    token = subprocess.run(
        [str(ROOT / "scripts" / "token"), "--user", "bench"], capture_output=True, text=True, check=True
    ).stdout.strip()
    report = asyncio.run(measured(arguments, token))
    show(report)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
