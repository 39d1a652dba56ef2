"""Checks of the voice service: it speaks, and hears what it said."""

import io
import math
import re
import struct
import wave

from gateway.integration_validator.checks import Check, NotApplicable, Subject
from gateway.integration_validator.visitor import Visitor, demand, problem

SERVICE, GROUP = "voice-interaction-service", "Voice"
PHRASE = "The quick brown fox jumps over the lazy dog."
_REAL_ENGINES_MIN_WORDS = 0.6
"""Share of the phrase's words that must be heard again. A small model may miss one or two of nine."""
_QUIET_RMS = 0.001


async def engines_tell_how_they_are(visitor: Visitor, subject: Subject) -> str:
    _only_with_voice(subject)
    status = (await visitor.get("/api/v1/voice/models/status")).json()
    hearing = [engine["name"] for engine in status["transcription"] if engine["model"]]
    speaking = [engine["name"] for engine in status["synthesis"] if engine["model"]]
    demand(hearing, "No recogniser has a model.")
    resting = [
        engine["name"]
        for engine in [*status["transcription"], *status["synthesis"]]
        if engine["breaker_state"] != "closed"
    ]
    demand(not resting, f"Resting after failures: {', '.join(resting)}.")
    return f"Hearing: {', '.join(hearing)}. Speaking: {', '.join(speaking)}."


async def synthesis_gives_sound(visitor: Visitor, subject: Subject) -> str:
    _only_with_voice(subject)
    reply = await visitor.post("/api/v1/voice/tts/synthesize", json={"text": PHRASE})
    rms, seconds = _loudness(reply.content)
    demand(rms > _QUIET_RMS, "The synthesis succeeded with silence.")
    subject.left["spoken"], subject.left["speaker"] = reply.content, reply.headers["X-Engine"]
    return f"{reply.headers['X-Engine']} spoke {seconds:.1f} s of sound for a sentence of nine words."


async def transcription_hears_what_was_said(visitor: Visitor, subject: Subject) -> str:
    _only_with_voice(subject)
    demand("spoken" in subject.left, "There is no speech to hear: the synthesis failed.")
    if subject.left["speaker"] == "simulated":
        raise NotApplicable("Only the simulated tone could speak: there are no words to hear.")
    files = {"audio": ("phrase.wav", subject.left["spoken"], "audio/wav")}
    heard = (await visitor.post(_TRANSCRIBE, files=files, data={"language": "en"})).json()
    share = _share_heard(PHRASE, heard["text"])
    demand(share >= _REAL_ENGINES_MIN_WORDS, f"Of what was said only this was heard: {heard['text']!r}.")
    return f"{heard['engine']} heard {share:.0%} of the words in {heard['processing_seconds']:.2f} s."


async def silence_is_empty_text(visitor: Visitor, subject: Subject) -> str:
    _only_with_voice(subject)
    files = {"audio": ("silence.wav", _tone_wav(amplitude=0.0), "audio/wav")}
    heard = (await visitor.post(_TRANSCRIBE, files=files)).json()
    demand(heard["text"] == "", f"Silence was transcribed as {heard['text']!r}.")
    return "Silence gives empty text."


async def nonsense_is_refused(visitor: Visitor, subject: Subject) -> str:
    _only_with_voice(subject)
    files = {"audio": ("notes.txt", b"These are only words.", "audio/wav")}
    problem(await visitor.post(_TRANSCRIBE, files=files, expect=415))
    return "A file that is not sound is refused, as a problem document."


_TRANSCRIBE = "/api/v1/voice/stt/transcribe"


def _only_with_voice(subject: Subject) -> None:
    if not subject.has_service(SERVICE):
        raise NotApplicable("The routing file has no voice service.")


def _tone_wav(amplitude: float, seconds: float = 2.0, sample_rate_hz: int = 16_000) -> bytes:
    """A 220 Hz tone, or silence, as 16-bit mono WAV."""
    step = 2 * math.pi * 220 / sample_rate_hz
    count = int(seconds * sample_rate_hz)
    samples = (int(32767 * amplitude * math.sin(step * index)) for index in range(count))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return buffer.getvalue()


def _loudness(wav: bytes) -> tuple[float, float]:
    """Root mean square in [0, 1], and seconds, of 16-bit WAV."""
    with wave.open(io.BytesIO(wav)) as file:
        raw, rate, channels = file.readframes(file.getnframes()), file.getframerate(), file.getnchannels()
    samples = struct.unpack(f"<{len(raw) // 2}h", raw)
    demand(samples, "The synthesis succeeded with no sound at all.")
    mean_square = sum(sample * sample for sample in samples) / len(samples)
    return math.sqrt(mean_square) / 32768, len(samples) / channels / rate


def _share_heard(said: str, heard: str) -> float:
    wanted = re.findall(r"[a-z]+", said.lower())
    found = re.findall(r"[a-z]+", heard.lower())
    return sum(word in found for word in wanted) / len(wanted)


CHECKS = (
    Check(GROUP, "Engines", engines_tell_how_they_are, "python -m services.models list; the voice log"),
    Check(GROUP, "Speaking", synthesis_gives_sound, "X-Attempts says which engine failed and why"),
    Check(GROUP, "Hearing", transcription_hears_what_was_said, "the reply's routing and attempts"),
    Check(GROUP, "Silence", silence_is_empty_text, "services/voice/transcription/voice_activity.py"),
    Check(GROUP, "Not audio", nonsense_is_refused, "services/voice/media/decoding.py"),
)
