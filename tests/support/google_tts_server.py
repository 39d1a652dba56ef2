"""A server on this machine that speaks Cloud Text-to-Speech's gRPC protocol, and misbehaves when told to.

Made of the messages of Google's own package, so the real client library talks to it. Like Google's, it
refuses a speaking rate out of bounds and a voice that is not in its list.
"""

import io
import threading
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
from google.cloud import texttospeech_v1 as tts
from numpy.typing import NDArray

from services.voice.synthesis.speakable import spoken_units
from tests.support.speech import voice

_SERVICE = "google.cloud.texttospeech.v1.TextToSpeech"
VOICES = {"en-US-Standard-A": "en-US", "en-US-Neural2-C": "en-US", "de-DE-Standard-A": "de-DE"}
Answer = Callable[[Any, Any], bytes]
"""(SynthesizeSpeechRequest, ServicerContext) → the audio."""


class GoogleTtsServer:
    """`answer` is how it behaves; what it was asked is in `requests` and `metadata`."""

    def __init__(self) -> None:
        self.answer: Answer = spoken
        self.endpoint = ""
        self.requests: list[Any] = []
        self.metadata: list[dict[str, str]] = []
        self.cancelled = threading.Event()
        """Set when a client gave a call up before it was answered."""
        self.closing = threading.Event()

    def synthesize(self, request: Any, context: Any) -> Any:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        _refuse_what_google_refuses(request, context)
        return tts.SynthesizeSpeechResponse(audio_content=self.answer(request, context))

    def list_voices(self, _: Any, context: Any) -> Any:
        self.metadata.append(dict(context.invocation_metadata()))
        named = [tts.Voice(name=name, language_codes=[code]) for name, code in VOICES.items()]
        return tts.ListVoicesResponse(voices=[*named, tts.Voice(name="Achernar", language_codes=["en-US"])])

    def hang(self, _: Any, context: Any) -> bytes:
        """An answer that does not come before the client has gone or the server closes."""
        gone = threading.Event()
        context.add_callback(gone.set)
        while not gone.wait(0.02):
            if self.closing.is_set():
                return b""
        self.cancelled.set()
        return b""


@contextmanager
def google_tts_server(credentials: Any = None) -> Iterator[GoogleTtsServer]:
    """Plain text, or TLS with `credentials` (grpc.ServerCredentials); on a free port of the loopback."""
    fake = GoogleTtsServer()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((_handler(fake),))
    address = "localhost:0"
    port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    fake.endpoint = f"localhost:{port}"
    server.start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.stop(grace=None).wait()


def spoken(request: Any, _: Any) -> bytes:
    """A WAV file as long as the text takes to say, with the measures of speech."""
    config = request.audio_config
    seconds = (0.4 + 0.058 * spoken_units(request.input.text)) / (config.speaking_rate or 1.0)
    return wav(voice(seconds, config.sample_rate_hertz), config.sample_rate_hertz)


def silent(request: Any, _: Any) -> bytes:
    rate_hz = request.audio_config.sample_rate_hertz
    return wav(np.zeros(2 * rate_hz, np.float32), rate_hz)


def empty(_request: Any, _context: Any) -> bytes:
    return b""


def garbage(_request: Any, _context: Any) -> bytes:
    return b"<html>this is a captive portal</html>" * 40


def cut_off(request: Any, context: Any) -> bytes:
    """The header of a whole file and half of its samples."""
    whole = spoken(request, context)
    return whole[: len(whole) // 2]


def status(code: grpc.StatusCode) -> Answer:
    def refuse(_: Any, context: Any) -> bytes:
        context.abort(code, "as the test wants it")
        raise AssertionError("abort raises")

    return refuse


def wav(samples: NDArray[np.float32], rate_hz: int, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def _handler(fake: GoogleTtsServer) -> Any:
    def method(call: Any, request: Any, response: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=request.deserialize, response_serializer=response.serialize
        )

    methods = {
        "SynthesizeSpeech": method(
            fake.synthesize, tts.SynthesizeSpeechRequest, tts.SynthesizeSpeechResponse
        ),
        "ListVoices": method(fake.list_voices, tts.ListVoicesRequest, tts.ListVoicesResponse),
    }
    return grpc.method_handlers_generic_handler(_SERVICE, methods)


def _refuse_what_google_refuses(request: Any, context: Any) -> None:
    rate = request.audio_config.speaking_rate
    named = request.voice.name
    if not request.input.text or not request.voice.language_code:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "input and language_code are required")
    if rate and not 0.25 <= rate <= 2.0:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "speaking_rate is out of bounds")
    if named and VOICES.get(named) != request.voice.language_code:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"no such voice: {named}")
