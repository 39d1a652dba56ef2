"""Cuts speech into the windows that Whisper hears one at a time. Pure; used by faster_whisper.py.

Whisper's price for a short utterance is its 30 s window. Padded to the utterance plus five seconds it costs
a third, with the same words; padded by less than a second it loops now and then (docs/engines.md).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.voice.transcription.engine import SAMPLE_RATE_HZ, SpeechSpan

FRAMES_PER_SECOND = 100
FULL_WINDOW_FRAMES = 3000
PADDING_FRAMES = 5 * FRAMES_PER_SECOND
MAX_WINDOW_SECONDS = 14.0
"""A call cannot be stopped inside of a window: this is what bounds the wait for a cancelled one."""
MIN_SHORT_WINDOW_FRAMES = 10 * FRAMES_PER_SECOND
MIN_DETECTED_SECONDS = 2.0
"""The language of less speech than this shows in the full window alone."""
MIN_SHORT_WINDOW_LOG_PROBABILITY = -0.7
"""Under it the full window is asked too: of 72 short clips those that lost words had less."""
MIN_REPEATED_WORDS = 4
"""So many words said twice running are a loop of the short window more often than they are speech."""
TOKENS_PER_SECOND_MAX = 14
TOKENS_FLOOR = 24
MAX_TOKENS = 224
"""Half of the decoder's context. Source: openai-whisper, DecodingOptions.sample_len."""


def windows(speech: Sequence[SpeechSpan]) -> list[SpeechSpan]:
    """Neighbouring spans joined, as long as they fit into MAX_WINDOW_SECONDS together with their pause."""
    joined: list[SpeechSpan] = []
    for span in speech:
        if joined and span.end - joined[-1].start <= MAX_WINDOW_SECONDS * SAMPLE_RATE_HZ:
            joined[-1] = SpeechSpan(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def padded_frames(frames: int, *, language_is_known: bool) -> int:
    """How many frames the short window has for an utterance of `frames` (10 ms each)."""
    if not language_is_known and frames < MIN_DETECTED_SECONDS * FRAMES_PER_SECOND:
        return FULL_WINDOW_FRAMES
    return min(FULL_WINDOW_FRAMES, max(MIN_SHORT_WINDOW_FRAMES, frames + PADDING_FRAMES))


def max_tokens(frames: int) -> int:
    """More tokens than anybody can say in this time: past them the decoder is looping."""
    return min(MAX_TOKENS, TOKENS_FLOOR + int(TOKENS_PER_SECOND_MAX * frames / FRAMES_PER_SECOND))


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a window gave, with the measures by which it is trusted."""

    tokens: Sequence[int]
    text: str
    mean_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    token_bound: int

    @property
    def is_silence(self) -> bool:
        """Source: openai-whisper, transcribe.py, no_speech_threshold 0.6 with logprob_threshold -1."""
        return not self.text or (self.no_speech_probability > 0.6 and self.mean_log_probability < -1.0)

    @property
    def is_trustworthy(self) -> bool:
        """Source: the same, compression_ratio_threshold 2.4; and no run into the token bound."""
        return (
            self.mean_log_probability >= -1.0
            and self.compression_ratio <= 2.4
            and len(self.tokens) < self.token_bound
        )

    @property
    def holds_in_a_short_window(self) -> bool:
        """Stricter: doubting a good hearing costs a full window, trusting a bad one costs words."""
        return (
            self.is_trustworthy
            and self.mean_log_probability >= MIN_SHORT_WINDOW_LOG_PROBABILITY
            and not says_a_phrase_twice(self.text)
        )


def says_a_phrase_twice(text: str) -> bool:
    """Whether MIN_REPEATED_WORDS or more come twice running, which is too little to show in compression."""
    words = re.findall(r"[\w']+", text.lower())
    lengths = range(MIN_REPEATED_WORDS, len(words) // 2 + 1)
    return any(
        words[start : start + length] == words[start + length : start + 2 * length]
        for length in lengths
        for start in range(len(words) - 2 * length + 1)
    )


def better(first: Hearing, second: Hearing) -> Hearing:
    """The one to keep when neither is sure: what does not repeat itself, then what is more probable."""
    return max(first, second, key=lambda h: (h.compression_ratio <= 2.4, h.mean_log_probability))
