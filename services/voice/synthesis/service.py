"""Speaks a text: sentences, the chain, the format, whole or as a stream. The use case."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.common import telemetry
from services.common.admission import Admission, Deadline
from services.common.problems import InvalidRequest
from services.voice.engine_host import EngineHost
from services.voice.synthesis.chain import SIMULATED, Relay, Report, SentenceLimit, request_for
from services.voice.synthesis.encoding import AudioFormat, encode_whole, encoder_for
from services.voice.synthesis.engine import SpeechRequest, SynthesisEngine, Voice
from services.voice.synthesis.judgement import Judge
from services.voice.synthesis.leveling import gap
from services.voice.synthesis.metrics import SynthesisMetrics
from services.voice.synthesis.sentences import sentences

_log = telemetry.get_logger()
_SENTENCES_AHEAD = 1


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    voice: str = "default"
    language: str = "en"
    speed: float = 1.0
    format: AudioFormat = AudioFormat.WAV
    engine: str | None = None
    """Ask this engine and no other."""
    allow_simulated: bool = True


@dataclass(frozen=True, slots=True)
class Spoken:
    """A complete file in the format that was asked for."""

    audio: bytes
    report: Report


@dataclass(frozen=True, slots=True)
class SpokenStream:
    """`report` grows while the stream runs; at the start it tells of the first sentence."""

    chunks: AsyncIterator[bytes]
    report: Report


class SynthesisService:
    """`hosts`: engine name → host, in the order of the chain."""

    def __init__(
        self,
        hosts: Mapping[str, EngineHost[SynthesisEngine]],
        *,
        limit: SentenceLimit,
        admission: Admission,
        metrics: SynthesisMetrics,
    ) -> None:
        self.hosts = hosts
        self._judges = {name: Judge() for name in hosts}
        self._limit = limit
        self._admission = admission
        self._metrics = metrics

    def voices(self) -> Sequence[Voice]:
        return [voice for host in self.hosts.values() for voice in host.engine.voices()]

    async def speak(self, text: str, options: SynthesisOptions, deadline: Deadline) -> Spoken:
        """Raises InvalidRequest, NoEngine, Overloaded, DeadlineExceeded."""
        started = time.perf_counter()
        parts = self._sentences(text, options)
        relay = self._relay(options)
        async with self._admission.slot(deadline):
            pieces = [piece async for piece in _pieces(relay, parts, options, deadline)]
            audio = await asyncio.to_thread(encode_whole, np.concatenate(pieces), options.format)
        self._done(relay.report, len(parts), started)
        return Spoken(audio, relay.report)

    @asynccontextmanager
    async def stream(
        self, text: str, options: SynthesisOptions, deadline: Deadline
    ) -> AsyncIterator[SpokenStream]:
        """Enters when the first sentence is spoken; the next is spoken while the last is being sent.

        Raises as `speak` does, later from the iterator: a stream never ends as if it were whole.
        """
        started = time.perf_counter()
        parts = self._sentences(text, options)
        relay = self._relay(options)
        async with self._admission.slot(deadline), _ahead(_pieces(relay, parts, options, deadline)) as pieces:
            first = await anext(pieces)
            self._metrics.first_audio(time.perf_counter() - started)
            yield SpokenStream(_encoded(first, pieces, options.format), relay.report)
            self._done(relay.report, len(parts), started)

    def _sentences(self, text: str, options: SynthesisOptions) -> list[str]:
        if options.engine is not None and options.engine not in self.hosts:
            raise InvalidRequest(f"There is no engine of this name; there are {', '.join(self.hosts)}.")
        if options.voice != "default" and options.voice not in {voice.id for voice in self.voices()}:
            raise InvalidRequest("There is no voice of this name; GET /api/v1/voice/voices lists them.")
        parts = sentences(text)
        if not parts:
            raise InvalidRequest("There is nothing in this text that can be spoken.")
        return parts

    def _relay(self, options: SynthesisOptions) -> Relay:
        """An engine that has the wanted voice comes first; the others stand in for it."""
        names = [options.engine] if options.engine else list(self.hosts)
        if not options.allow_simulated:
            names = [name for name in names if name != SIMULATED]
        owner = next((voice.engine for voice in self.voices() if voice.id == options.voice), None)
        return Relay(sorted(names, key=lambda name: name != owner), self.hosts, self._judges, self._limit)

    def _done(self, report: Report, count: int, started: float) -> None:
        seconds = time.perf_counter() - started
        self._metrics.done(report, seconds)
        _log.info(
            "synthesis_done",
            engine=report.engine,
            attempts=report.attempts_header(),
            degraded=report.degraded,
            sentences=count,
            seconds=round(seconds, 3),
        )


async def _pieces(
    relay: Relay, parts: Sequence[str], options: SynthesisOptions, deadline: Deadline
) -> AsyncIterator[NDArray[np.float32]]:
    """Mono float32 at leveling.SAMPLE_RATE_HZ: each sentence, with the pause before it."""
    template = SpeechRequest("", options.voice, options.language, options.speed)
    for index, sentence in enumerate(parts):
        samples = await relay.speak(request_for(sentence, template), deadline)
        yield np.concatenate([gap(), samples]) if index else samples


@asynccontextmanager
async def _ahead(
    pieces: AsyncIterator[NDArray[np.float32]],
) -> AsyncIterator[AsyncIterator[NDArray[np.float32]]]:
    """The same pieces, made one ahead of their reader by a task that ends with the block."""
    ready: asyncio.Queue[NDArray[np.float32] | BaseException | None] = asyncio.Queue(_SENTENCES_AHEAD)

    async def make() -> None:
        try:
            async for piece in pieces:
                await ready.put(piece)
            await ready.put(None)
        except Exception as exc:
            await ready.put(exc)

    async def read() -> AsyncIterator[NDArray[np.float32]]:
        while (item := await ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    task = asyncio.create_task(make())
    try:
        yield read()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _encoded(
    first: NDArray[np.float32], rest: AsyncIterator[NDArray[np.float32]], chosen: AudioFormat
) -> AsyncIterator[bytes]:
    encoder = encoder_for(chosen)
    yield await asyncio.to_thread(encoder.encode, first)
    async for piece in rest:
        yield await asyncio.to_thread(encoder.encode, piece)
    yield await asyncio.to_thread(encoder.finish)
