"""Chooses the transcription engine for an utterance. Pure; called by service.py.

Availability is passed in, so the choice can be tested without an engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.voice.engines import Availability


class Requested(StrEnum):
    AUTO = "auto"
    VOSK = "vosk"
    WHISPER = "whisper"


class Rule(StrEnum):
    BELOW_THRESHOLD = "below_threshold"
    AT_OR_ABOVE_THRESHOLD = "at_or_above_threshold"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Routing:
    """Why an utterance went where it went. `reason` is one sentence for a person."""

    rule: Rule
    threshold_seconds: float
    reason: str
    escalated_from: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """`candidates`: engines to ask, in order. `unavailable`: those left out, with the reason's word."""

    candidates: Sequence[str]
    routing: Routing
    unavailable: Mapping[str, str]


def select(
    duration_seconds: float,
    *,
    requested: Requested,
    threshold_seconds: float,
    availability: Mapping[str, Availability],
) -> Selection:
    """`availability` has an entry for "vosk" and one for "whisper", for the utterance's language."""
    rule, preferred = _rule(duration_seconds, requested, threshold_seconds)
    order = (
        [preferred]
        if rule is Rule.FORCED
        else [preferred, *(name for name in availability if name != preferred)]
    )
    candidates = [name for name in order if availability[name].available]
    unavailable = {
        name: availability[name].reason or "unavailable" for name in order if name not in candidates
    }
    reason = _reason(rule, preferred, duration_seconds, threshold_seconds)
    escalated_from = None
    if preferred in unavailable and candidates:
        escalated_from = preferred
        reason = f"{reason} {availability[preferred].detail} So {candidates[0]} had it."
    return Selection(candidates, Routing(rule, threshold_seconds, reason, escalated_from), unavailable)


def _rule(duration_seconds: float, requested: Requested, threshold_seconds: float) -> tuple[Rule, str]:
    if requested is not Requested.AUTO:
        return Rule.FORCED, requested.value
    if duration_seconds < threshold_seconds:
        return Rule.BELOW_THRESHOLD, Requested.VOSK.value
    return Rule.AT_OR_ABOVE_THRESHOLD, Requested.WHISPER.value


def _reason(rule: Rule, preferred: str, duration_seconds: float, threshold_seconds: float) -> str:
    if rule is Rule.FORCED:
        return f"The request asked for {preferred}."
    relation = "shorter than" if rule is Rule.BELOW_THRESHOLD else "not shorter than"
    return f"{duration_seconds:.2f} s is {relation} {threshold_seconds:g} s, which is {preferred}'s."
