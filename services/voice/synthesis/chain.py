"""Speaks sentences through the chain of engines: who fails hands over at the first unsaid sentence.

One Relay serves one text. It only ever moves on along the chain, so that a voice does not flicker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

import numpy as np
from numpy.typing import NDArray

from services.common.admission import Deadline
from services.voice.engine_host import EngineHost
from services.voice.engines import EngineFailed
from services.voice.problems import NoEngine
from services.voice.synthesis.engine import SpeechRequest, SynthesisEngine
from services.voice.synthesis.judgement import Judge
from services.voice.synthesis.leveling import leveled

SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class SentenceLimit:
    """How long an engine may take over a sentence: `base_seconds` plus so much a character."""

    base_seconds: float
    seconds_per_character: float

    def seconds(self, text: str) -> float:
        return self.base_seconds + self.seconds_per_character * len(text)


@dataclass(slots=True)
class Report:
    """What happened: engine → outcome in the order of the chain, and how many sentences each spoke."""

    attempts: dict[str, str] = field(default_factory=dict)
    sentences: dict[str, int] = field(default_factory=dict)
    failed: bool = False

    @property
    def engine(self) -> str:
        """Who spoke, in order; two names after a hand-over."""
        return ",".join(self.sentences)

    @property
    def degraded(self) -> bool:
        """An engine that was at hand failed, or it is a tone that is heard."""
        return self.failed or SIMULATED in self.sentences

    def attempts_header(self) -> str:
        return ",".join(f"{name}={outcome}" for name, outcome in self.attempts.items())


class Relay:
    """`order`: names of engines to ask, best first."""

    def __init__(
        self,
        order: Sequence[str],
        hosts: Mapping[str, EngineHost[SynthesisEngine]],
        judges: Mapping[str, Judge],
        limit: SentenceLimit,
    ) -> None:
        self._order = order
        self._hosts = hosts
        self._judges = judges
        self._limit = limit
        self._at = 0
        self.report = Report()

    async def speak(self, request: SpeechRequest, deadline: Deadline) -> NDArray[np.float32]:
        """One sentence, leveled. Raises NoEngine when the end of the chain is reached, DeadlineExceeded."""
        while self._at < len(self._order):
            name = self._order[self._at]
            try:
                samples = await self._ask(name, request, deadline)
            except EngineFailed as exc:
                self._note_failure(name, exc)
                continue
            self.report.attempts[name] = "ok"
            self.report.sentences[name] = self.report.sentences.get(name, 0) + 1
            return samples
        raise NoEngine(
            "No engine could speak this. The attempts say why.",
            attempts=[{"engine": name, "outcome": outcome} for name, outcome in self.report.attempts.items()],
        )

    async def _ask(self, name: str, request: SpeechRequest, deadline: Deadline) -> NDArray[np.float32]:
        host = self._hosts[name]
        availability = host.engine.availability(request.voice, request.language)
        if not availability.available:
            raise _Missing(availability.reason or "unavailable", availability.detail)

        def spoken(engine: SynthesisEngine, cancelled: Event) -> NDArray[np.float32]:
            speech = engine.synthesize(request, cancelled)
            if name != SIMULATED:
                self._judges[name].check(request, speech)
            return leveled(speech)

        return await host.run(spoken, deadline, timeout_seconds=self._limit.seconds(request.text))

    def _note_failure(self, name: str, failure: EngineFailed) -> None:
        self.report.attempts[name] = failure.reason
        self.report.failed = self.report.failed or not isinstance(failure, _Missing)
        self._at += 1


class _Missing(EngineFailed):
    """Was never at hand: visible among the attempts, but not a degradation of this service."""


def request_for(sentence: str, template: SpeechRequest) -> SpeechRequest:
    return replace(template, text=sentence)
