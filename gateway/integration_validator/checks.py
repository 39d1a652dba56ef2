"""What a check is, and how one is run. The checks themselves are in the modules beside this one."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.integration_validator.evidence import Finding, Outcome
from gateway.integration_validator.visitor import Unexpected, Visitor
from gateway.schema import Routing


class NotApplicable(Exception):
    """There is nothing here that this check could look at. Its text says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The running system, and what one check leaves for the next (a spoken phrase, a session id)."""

    base_url: str
    routing: Routing
    caddyfile: Path
    compose_file: Path
    left: dict[str, Any] = field(default_factory=dict)

    def has_service(self, name: str) -> bool:
        return name in self.routing.services


@dataclass(frozen=True, slots=True)
class Check:
    """`run` returns the sentence of success. `hint` is shown when it fails."""

    group: str
    name: str
    run: Callable[[Visitor, Subject], Awaitable[str]]
    hint: str = ""


async def found_by(check: Check, visitor: Visitor, subject: Subject) -> Finding:
    """Runs one check. Whatever goes wrong in it is its finding; it never stops the others."""
    visitor.evidence = []
    hint = away = ""
    try:
        sentence, outcome = await check.run(visitor, subject), Outcome.PASSED
    except NotApplicable as reason:
        sentence, outcome = str(reason), Outcome.NOT_APPLICABLE
    except Unexpected as fault:
        sentence, outcome, hint, away = str(fault), Outcome.FAILED, check.hint, fault.away
    except Exception as exc:  # a reply of another shape than promised: a KeyError here is a finding there
        sentence = f"The answer does not have the promised form ({type(exc).__name__}: {exc})."
        outcome, hint = Outcome.FAILED, check.hint
    return Finding(check.name, outcome, sentence, hint, tuple(visitor.evidence), away)


async def run_all(
    checks: Sequence[Check],
    visitor: Visitor,
    subject: Subject,
    on_finding: Callable[[Check, Finding], None] = lambda _check, _finding: None,
) -> dict[str, list[Finding]]:
    """One after the other: they share a small machine, and some build on what another left."""
    findings: dict[str, list[Finding]] = {}
    for check in checks:
        finding = await found_by(check, visitor, subject)
        findings.setdefault(check.group, []).append(finding)
        on_finding(check, finding)
    return findings
