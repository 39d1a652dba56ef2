"""Listens for Wyoming's clients, for as long as the app lives."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

from services.common import telemetry
from services.voice.synthesis.service import SynthesisService
from services.voice.transcription.hearing import Ear
from services.voice.transcription.service import TranscriptionService
from services.voice.wyoming_protocol.settings import WyomingSettings

_log = telemetry.get_logger()


class Handler(Protocol):
    """wyoming.server.AsyncEventHandler, as far as it is used here."""

    async def run(self) -> None: ...


MakeHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Handler]


@asynccontextmanager
async def wyoming_servers(
    settings: WyomingSettings,
    transcription: TranscriptionService,
    synthesis: SynthesisService,
    ear: Ear,
    default_language: str | None,
) -> AsyncIterator[None]:
    """Nothing where it is switched off or not installed; a port that is taken is said and left out."""
    async with AsyncExitStack() as stack:
        if settings.voice_wyoming and importlib.util.find_spec("wyoming") is not None:
            from services.voice.wyoming_protocol.speech_to_text import SpeechToText
            from services.voice.wyoming_protocol.text_to_speech import TextToSpeech

            makers: tuple[tuple[int, MakeHandler], ...] = (
                (settings.voice_wyoming_stt_port, lambda r, w: SpeechToText(r, w, transcription, ear)),
                (
                    settings.voice_wyoming_tts_port,
                    lambda r, w: TextToSpeech(r, w, synthesis, default_language),
                ),
            )
            for port, make in makers:
                await stack.enter_async_context(_listening(settings, port, make))
        yield


@asynccontextmanager
async def _listening(settings: WyomingSettings, port: int, make: MakeHandler) -> AsyncIterator[None]:
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(connections) >= settings.voice_wyoming_connections_max:
            writer.close()
            return
        connections.add(task)
        try:
            await make(reader, writer).run()
        except (OSError, ValueError, KeyError, asyncio.IncompleteReadError) as exc:
            _log.info("wyoming_connection_broke", error_type=type(exc).__name__)
        finally:
            connections.discard(task)
            writer.close()

    try:
        server = await asyncio.start_server(connected, settings.voice_wyoming_host, port)
    except OSError as exc:
        _log.warning("wyoming_not_served", port=port, error=exc.strerror)
        yield
        return
    _log.info("wyoming_served", port=server.sockets[0].getsockname()[1])
    try:
        yield
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
