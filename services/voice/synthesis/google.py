"""Google Cloud Text-to-Speech. An adapter; without credentials it asks nobody."""

import importlib.util
import io
import threading
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.leveling import SAMPLE_RATE_HZ
from services.voice.synthesis.tempo import stretched

_OWN_SPEEDS = (0.25, 2.0)
"""Source: Cloud Text-to-Speech v1, AudioConfig.speaking_rate."""
_OTHER_NAMES = {"zh": "cmn", "no": "nb"}
"""What Google calls a language that users know by another subtag. Source: its list of voices."""
_NO_CREDENTIALS = "Google needs a key file: VOICE_GOOGLE_CREDENTIALS_FILE names it."


class GoogleEngine:
    """`insecure`: no TLS and no credentials, which the settings allow for a server on this machine."""

    name = "google"

    def __init__(
        self,
        credentials_file: Path | None = None,
        *,
        endpoint: str | None = None,
        insecure: bool = False,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._credentials_file = credentials_file
        self._endpoint = endpoint
        self._insecure = insecure
        self._timeout_seconds = timeout_seconds
        self._client: Any = None
        self._voices: tuple[Voice, ...] = ()
        self._lock = threading.Lock()

    @property
    def model(self) -> str | None:
        """Google chooses its model with the voice; None where it cannot be asked."""
        return "texttospeech-v1" if self._has_credentials() else None

    @property
    def installed(self) -> bool:
        try:
            return importlib.util.find_spec("google.cloud.texttospeech_v1") is not None
        except ModuleNotFoundError:  # not even the package around it is there
            return False

    def availability(self, voice: str, language: str) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "Google needs the package google-cloud-texttospeech.")
        if not self._has_credentials():
            return Availability(False, "no_credentials", _NO_CREDENTIALS)
        if self._voices and not self._speaks(language):
            return Availability(False, "unsupported_language", f"Google does not speak {language}.")
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        """As Google listed them when the engine was loaded."""
        return self._voices

    def load(self) -> None:
        """Asks for the list of voices, which proves the credentials too. Raises EngineFailed."""
        self._connected()

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
            self._voices = ()
        if client is not None:
            client.close()

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """Blocks for `timeout_seconds` at most."""
        client = self._connected()
        own_speed = min(max(request.speed, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        speech = _decoded(client.speak(self._body(request, own_speed), cancelled))
        samples = stretched(speech.samples, speech.sample_rate_hz, request.speed / own_speed)
        return Speech(samples, speech.sample_rate_hz)

    def _connected(self) -> Any:
        if not self.installed:
            raise EngineFailed("not_installed", "the package google-cloud-texttospeech is not installed")
        if not self._has_credentials():
            raise EngineFailed("no_credentials", _NO_CREDENTIALS)
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        from services.voice.synthesis.google_client import DEFAULT_ENDPOINT, GoogleClient

        client = GoogleClient(
            self._endpoint or DEFAULT_ENDPOINT,
            None if self._insecure else self._credentials_file,
            timeout_seconds=self._timeout_seconds,
        )
        try:
            self._voices = _listed(client.voices())
        except EngineFailed:
            client.close()
            raise
        return client

    def _body(self, request: SpeechRequest, speed: float) -> dict[str, object]:
        """A SynthesizeSpeechRequest. The voice of another engine leaves the choice to Google."""
        voice: dict[str, str] = {"language_code": request.language.replace("_", "-")}
        for known in self._voices:
            if known.id == request.voice:
                voice = {"language_code": known.language, "name": known.id}
        audio = {"audio_encoding": "LINEAR16", "sample_rate_hertz": SAMPLE_RATE_HZ, "speaking_rate": speed}
        return {"input": {"text": request.text}, "voice": voice, "audio_config": audio}

    def _speaks(self, language: str) -> bool:
        subtag = _primary_subtag(language)
        return any(_primary_subtag(voice.language) == subtag for voice in self._voices)

    def _has_credentials(self) -> bool:
        return self._insecure or (self._credentials_file is not None and self._credentials_file.is_file())


def _primary_subtag(language: str) -> str:
    subtag = language.lower().replace("_", "-").split("-")[0]
    return _OTHER_NAMES.get(subtag, subtag)


def _listed(found: Sequence[Any]) -> tuple[Voice, ...]:
    """Names without a language in them belong to models that must be named as well: not offered."""
    voices = []
    for voice in found:
        language = next((code for code in voice.language_codes if voice.name.startswith(code)), None)
        if language is not None:
            voices.append(Voice(voice.name, voice.name.removeprefix(f"{language}-"), language, "google"))
    return tuple(sorted(voices, key=lambda voice: voice.id))


def _decoded(content: bytes) -> Speech:
    """LINEAR16 comes as a WAV file of one channel. Source: Cloud Text-to-Speech v1, AudioEncoding."""
    if not content:
        raise EngineFailed("empty", "Google sent no audio")
    try:
        with wave.open(io.BytesIO(content)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise EngineFailed("not_speech", "Google sent audio of another format")
            pcm = file.readframes(file.getnframes())
            rate_hz = file.getframerate()
    except (wave.Error, EOFError) as exc:
        raise EngineFailed("not_speech", "Google sent something other than audio") from exc
    return Speech(np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float32) / 32768.0, rate_hz)
