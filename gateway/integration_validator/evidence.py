"""What a check found, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

EXCERPT_CHARS = 400


class Outcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    """There is nothing of this kind here, and the finding says why: no Docker, no such route."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One exchange with the system. `excerpt` is the beginning of what came back."""

    request: str
    answer: str
    seconds: float
    excerpt: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`sentence` is for anybody; `hint` is what to look at next when it failed.

    `because_of`: a service that was away, and that has its own finding: this one follows from it.
    """

    name: str
    outcome: Outcome
    sentence: str
    hint: str = ""
    evidence: Sequence[Evidence] = ()
    because_of: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`started_at`: ISO 8601, UTC. `findings`: group → findings, in the order in which they were made."""

    base_url: str
    started_at: str
    seconds: float
    version: str
    findings: Mapping[str, Sequence[Finding]] = field(default_factory=dict)

    @property
    def failed(self) -> list[Finding]:
        return [item for group in self.findings.values() for item in group if item.outcome is Outcome.FAILED]

    @property
    def causes(self) -> list[Finding]:
        """What failed by itself."""
        return [finding for finding in self.failed if not finding.because_of]

    @property
    def consequences(self) -> dict[str, list[str]]:
        """A service that was away → the checks that failed with it."""
        names: dict[str, list[str]] = {}
        for finding in self.failed:
            if finding.because_of:
                names.setdefault(finding.because_of, []).append(finding.name)
        return names

    def count(self, outcome: Outcome) -> int:
        return sum(item.outcome is outcome for group in self.findings.values() for item in group)


def excerpt(raw: bytes, content_type: str) -> str:
    """The beginning of a body as text; of sound, only its size."""
    if not content_type.startswith(("application/json", "application/problem+json", "text/")):
        return f"{len(raw)} bytes of {content_type or 'nothing in particular'}"
    text = raw.decode("utf-8", errors="replace")
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]} …"
