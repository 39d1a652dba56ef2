"""What a short window saves, and whether it costs words. The other side is faster-whisper by itself."""

import io
import threading
from collections.abc import Callable

import numpy as np
from faster_whisper import WhisperModel

from bench.measures.clips import Clip, short_clips
from bench.measures.timing import alternated
from bench.report import Row
from services.voice.transcription.faster_whisper import FasterWhisperEngine
from tests.conftest import models_dir
from tests.support.audio_files import wav
from tests.support.local_stack import LocalStack
from tests.support.recordings import two_cities
from tests.support.transcription_contract import Spoken, utterance
from tests.support.voice_caller import VoiceCaller
from tests.support.word_errors import english_word_error_rate

MODEL = "whisper-base"
SHORT_ROUNDS, LONG_ROUNDS = 15, 3
SHORT_GOAL, LONG_GOAL = 0.45, 1.08
_LONG_REPEATS = 3
_FIRST_WORD_SECONDS = 1.0
"""The recording begins with a second of silence, which would leave a clip of 3 s with two of speech."""
_LENGTHS = ((0.0, 2.0), (2.0, 5.0), (5.0, 10.0))


def short_clip(stack: LocalStack) -> list[Row]:
    return [_against_bare(stack, "3 s clip", _speech(3.0), SHORT_ROUNDS, SHORT_GOAL)]


def long_audio(stack: LocalStack) -> list[Row]:
    seconds = 43.0 * _LONG_REPEATS
    return [_against_bare(stack, f"{seconds:g} s of speech", _speech(seconds), LONG_ROUNDS, LONG_GOAL)]


def word_errors(_: LocalStack) -> list[Row]:
    """In this process: with the short window and with the full one, everything else the same."""
    short, full = (_engine(short_window=yes) for yes in (True, False))
    clips = short_clips(models_dir(), full)
    heard = {engine: [_hear(engine, clip) for clip in clips] for engine in (short, full)}
    rows = [_compared("all", clips, heard[short], heard[full], promised=True)]
    for low, high in _LENGTHS:
        at = [number for number, clip in enumerate(clips) if low <= clip.seconds < high]
        chosen = [[heard[engine][number] for number in at] for engine in (short, full)]
        rows.append(_compared(f"{low:g}–{high:g} s", [clips[number] for number in at], *chosen))
    return rows


def _against_bare(stack: LocalStack, what: str, audio: bytes, rounds: int, goal: float) -> Row:
    bare = _bare(audio)
    with stack.client() as client:
        caller = VoiceCaller(client)
        through_gateway, by_itself = alternated(lambda: caller.hear(audio).raise_for_status(), bare, rounds)
    ratio = through_gateway / by_itself
    return Row(
        f"{what}: through the gateway against bare faster-whisper in-process",
        f"{ratio:.2f} × ({through_gateway:.2f} s, {by_itself:.2f} s; medians of {rounds})",
        f"≤ {goal:g} ×",
        ratio <= goal,
    )


def _bare(audio: bytes) -> Callable[[], object]:
    """As its README has it: the default window, the beam and the weights of the service."""
    model = WhisperModel(str(models_dir() / MODEL), device="cpu", compute_type="int8", local_files_only=True)

    def transcribe() -> list[object]:
        segments, _ = model.transcribe(io.BytesIO(audio), beam_size=1)
        return list(segments)

    return transcribe


def _speech(seconds: float) -> bytes:
    samples = two_cities().samples()[int(_FIRST_WORD_SECONDS * 16_000) :]
    wanted = int(seconds * 16_000)
    return wav(np.tile(samples, wanted // len(samples) + 1)[np.newaxis, :wanted])


def _engine(*, short_window: bool) -> FasterWhisperEngine:
    engine = FasterWhisperEngine(models_dir() / MODEL, short_window=short_window)
    engine.load()
    return engine


def _hear(engine: FasterWhisperEngine, clip: Clip) -> str:
    asked = utterance(Spoken(clip.samples, clip.text, "en"))
    return engine.transcribe(asked, threading.Event()).text


def _compared(
    which: str, clips: list[Clip], short: list[str], full: list[str], *, promised: bool = False
) -> Row:
    said = [clip.text for clip in clips]
    with_short, with_full = (english_word_error_rate(said, heard) for heard in (short, full))
    return Row(
        f"word error rate of {len(clips)} short clips ({which}): short window, full window",
        f"{with_short:.1%}, {with_full:.1%}",
        "no worse" if promised else "",
        with_short <= with_full if promised else None,
    )
