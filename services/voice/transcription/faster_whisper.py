"""Whisper on CTranslate2. An adapter: speech windows in, segments and words out."""

import importlib.util
import math
import os
import threading
import zlib
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.transcription import whisper_windows
from services.voice.transcription.engine import (
    SAMPLE_RATE_HZ,
    Segment,
    SpeechSpan,
    Transcript,
    Utterance,
    Word,
)
from services.voice.transcription.whisper_segments import mean_confidence
from services.voice.transcription.whisper_windows import FULL_WINDOW_FRAMES, Hearing

_SECONDS_PER_TIMESTAMP = 0.02
_FALLBACK_TEMPERATURES = (0.0, 0.4, 0.8)
_MAX_PROMPT_TOKENS = 223
"""Half of the decoder's context, less the token that announces it. Source: openai-whisper, decoding.py."""
_PREPENDED, _APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"


class FasterWhisperEngine:
    """`name` is "whisper": which implementation serves is a setting, not a contract."""

    name = "whisper"

    def __init__(
        self,
        model_dir: Path,
        *,
        device: str = "cpu",
        compute_type: str = "int8",
        beam_size: int = 1,
        threads: int = 0,
        workers: int = 1,
        short_window: bool = True,
    ) -> None:
        self._model_dir = model_dir
        self._device = device
        self._compute_type = compute_type
        self._beam_size = beam_size
        self._threads = threads or os.cpu_count() or 1
        self._workers = workers
        self._short_window = short_window
        self._whisper: Any = None

    @property
    def model(self) -> str | None:
        return self._model_dir.name if self._has_model() else None

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec("faster_whisper") is not None

    def availability(self, language: str | None) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "Whisper needs the package faster-whisper.")
        if not self._has_model():
            return Availability(False, "no_model", f"python -m services.models pull {self._model_dir.name}")
        if language is not None and not _knows(language):
            return Availability(False, "unsupported_language", f"Whisper knows no language {language}.")
        if self._model_dir.name.endswith(".en") and language not in {None, "en"}:
            return Availability(False, "unsupported_language", f"{self._model_dir.name} hears English only.")
        return AVAILABLE

    def load(self) -> None:
        if not self._has_model():
            raise EngineFailed("no_model", f"{self._model_dir.name} is not in the models folder")
        from faster_whisper import WhisperModel

        self._whisper = self._whisper or WhisperModel(
            str(self._model_dir),
            device=self._device,
            compute_type=self._compute_type,
            cpu_threads=self._threads,
            num_workers=self._workers,
            local_files_only=True,
        )

    def close(self) -> None:
        self._whisper = None

    def transcribe(self, utterance: Utterance, cancelled: threading.Event) -> Transcript:
        if self._whisper is None:
            self.load()
        call = _Call(self._whisper, utterance, cancelled, self._beam_size, self._short_window)
        return call.transcript(self._model_dir.name)

    def _has_model(self) -> bool:
        return (self._model_dir / "model.bin").is_file()


class _Call:
    """One transcription: the language, once found, and what happened on the way."""

    def __init__(
        self,
        whisper: Any,
        utterance: Utterance,
        cancelled: threading.Event,
        beam_size: int,
        short_window: bool,
    ) -> None:
        self._whisper = whisper
        self._utterance = utterance
        self._cancelled = cancelled
        self._beam_size = beam_size
        self._short_window = short_window
        self._language = utterance.language if whisper.model.is_multilingual else "en"
        self._built_tokenizer: Any = None
        self._notes: list[str] = []

    def transcript(self, model: str) -> Transcript:
        segments: list[Segment] = []
        for window in whisper_windows.windows(self._utterance.speech):
            segments.extend(self._segments_of(window))
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            language=self._language,
            model=model,
            segments=segments,
            confidence=mean_confidence(segments),
            notes=tuple(dict.fromkeys(self._notes)),
        )

    def _segments_of(self, window: SpeechSpan) -> list[Segment]:
        samples = np.asarray(self._utterance.samples[window.start : window.end])
        features = self._whisper.feature_extractor(samples, padding=0)
        encoded, hearing = self._hear(features)
        if hearing.is_silence:
            return []
        return self._segments(encoded, hearing, features.shape[1], window.start / SAMPLE_RATE_HZ)

    def _hear(self, features: NDArray[np.float32]) -> tuple[Any, Hearing]:
        """The short window first; the full one, then warmer decoding, where it cannot be trusted."""
        frames = features.shape[1]
        width = FULL_WINDOW_FRAMES
        if self._short_window:
            width = whisper_windows.padded_frames(frames, language_is_known=self._language is not None)
        encoded = self._encode(features, width)
        hearing = self._decode(encoded, frames, self._utterance.temperature)
        is_short = width < FULL_WINDOW_FRAMES
        holds = hearing.holds_in_a_short_window if is_short else hearing.is_trustworthy
        if holds or hearing.is_silence or self._utterance.temperature:
            return encoded, hearing
        if is_short:
            self._notes.append("full_window")
            encoded = self._encode(features, FULL_WINDOW_FRAMES)
            hearing = self._decode(encoded, frames, 0.0)
        for temperature in _FALLBACK_TEMPERATURES[1:]:
            if hearing.is_trustworthy or hearing.is_silence:
                break
            self._notes.append("warmer_decoding")
            hearing = whisper_windows.better(hearing, self._decode(encoded, frames, temperature))
        return encoded, hearing

    def _encode(self, features: NDArray[np.float32], width: int) -> Any:
        self._stop_if_cancelled()
        # zero is a hiss on this scale: the full window bears it, a short one loses its last words to it
        silence = 0.0 if width == FULL_WINDOW_FRAMES else features.min(initial=0.0)
        padded = np.full((features.shape[0], width), silence, dtype=np.float32)
        kept = min(width, features.shape[1])
        padded[:, :kept] = features[:, :kept]
        encoded = self._whisper.encode(padded)
        self._stop_if_cancelled()
        if self._language is None:
            self._language = self._whisper.model.detect_language(encoded)[0][0][0].strip("<|>")
        return encoded

    def _decode(self, encoded: Any, frames: int, temperature: float) -> Hearing:
        """CTranslate2 samples max_length / 2 tokens, or what the prompt leaves of it where that is less."""
        self._stop_if_cancelled()
        bound = whisper_windows.max_tokens(frames)
        sampling = {"sampling_temperature": temperature, "sampling_topk": 0} if temperature else {}
        found = self._whisper.model.generate(
            encoded,
            [self._prompt],
            beam_size=1 if temperature else self._beam_size,
            max_length=max(2 * bound, bound + len(self._prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            **sampling,
        )[0]
        tokens = found.sequences_ids[0]
        text = self._text(tokens)
        return Hearing(
            tokens=tokens,
            text=text,
            mean_log_probability=found.scores[0] * len(tokens) / (len(tokens) + 1),
            no_speech_probability=found.no_speech_prob,
            compression_ratio=_compression_ratio(text),
            token_bound=bound,
        )

    def _segments(self, encoded: Any, hearing: Hearing, frames: int, offset: float) -> list[Segment]:
        parts = _split(hearing.tokens, self._tokenizer, frames / whisper_windows.FRAMES_PER_SECOND)
        if self._utterance.word_timestamps:
            self._stop_if_cancelled()
            self._whisper.add_word_timestamps(
                [parts], self._tokenizer, encoded, frames, _PREPENDED, _APPENDED, last_speech_timestamp=0.0
            )
        confidence = round(math.exp(min(0.0, hearing.mean_log_probability)), 3)
        segments = [_segment(part, self._text(part["tokens"]), confidence, offset) for part in parts]
        return [segment for segment in segments if segment.text]

    @cached_property
    def _prompt(self) -> list[int]:
        """The tokens that decoding goes on from. Source: openai-whisper, DecodingTask._get_initial_tokens."""
        start = list(self._tokenizer.sot_sequence)
        if not self._utterance.prompt:
            return start
        before = self._tokenizer.encode(" " + self._utterance.prompt.strip())
        return [self._tokenizer.sot_prev, *before[-_MAX_PROMPT_TOKENS:], *start]

    @property
    def _tokenizer(self) -> Any:
        """Built once the language is known."""
        from faster_whisper.tokenizer import Tokenizer

        if self._built_tokenizer is None:
            whisper, multilingual = self._whisper, self._whisper.model.is_multilingual
            task = "translate" if self._utterance.translate else "transcribe"
            self._built_tokenizer = Tokenizer(whisper.hf_tokenizer, multilingual, task, self._language)
        return self._built_tokenizer

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode([t for t in tokens if t < self._tokenizer.eot])).strip()

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise EngineFailed("cancelled")


def _knows(language: str) -> bool:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return language in _LANGUAGE_CODES


def _split(tokens: Sequence[int], tokenizer: Any, window_seconds: float) -> list[dict[str, Any]]:
    """Segments between timestamp tokens, in the form faster-whisper's word alignment takes."""
    first = tokenizer.timestamp_begin
    marks = [index for index, token in enumerate(tokens) if token >= first]
    edges = [-1, *marks, len(tokens)]
    parts = []
    for left, right in pairwise(edges):
        text_tokens = list(tokens[left + 1 : right])
        if text_tokens:
            start = (tokens[left] - first) * _SECONDS_PER_TIMESTAMP if left >= 0 else 0.0
            end = (tokens[right] - first) * _SECONDS_PER_TIMESTAMP if right < len(tokens) else window_seconds
            parts.append({"seek": 0, "start": start, "end": min(end, window_seconds), "tokens": text_tokens})
    return parts


def _segment(part: dict[str, Any], text: str, confidence: float, offset: float) -> Segment:
    words = tuple(
        Word(
            round(offset + word["start"], 3),
            round(offset + word["end"], 3),
            word["word"].strip(),
            round(word["probability"], 3),
        )
        for word in part.get("words", ())
    )
    return Segment(round(offset + part["start"], 3), round(offset + part["end"], 3), text, confidence, words)


def _compression_ratio(text: str) -> float:
    """How repetitive a text is. Source: openai-whisper, utils.py."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
