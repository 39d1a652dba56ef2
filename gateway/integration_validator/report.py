"""The report: as it happens in a terminal, as JSON, as one HTML page. Pure but for the printing."""

from dataclasses import asdict
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console
from rich.text import Text

from gateway.integration_validator.checks import Check
from gateway.integration_validator.evidence import Finding, Outcome, Report

_MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "bold red"),
    Outcome.NOT_APPLICABLE: ("–", "dim"),
}


class Narrator:
    """Prints each finding when it is made, under its group."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._group = ""

    def tell(self, check: Check, finding: Finding) -> None:
        if check.group != self._group:
            self._group = check.group
            self._console.print(Text(f"\n{check.group}", "bold"))
        mark, style = _MARKS[finding.outcome]
        line = Text.assemble((f"  {mark} ", style), f"{check.name}: {finding.sentence}")
        self._console.print(line, soft_wrap=True)
        if finding.outcome is Outcome.FAILED:
            self._tell_evidence(finding)

    def sum_up(self, report: Report) -> None:
        style = "red" if report.failed else "green"
        self._console.print(f"\n{verdict(report)}", style=style, highlight=False)

    def _tell_evidence(self, finding: Finding) -> None:
        lines = [f"{item.request} → {item.answer} ({item.seconds:.2f} s)" for item in finding.evidence[-3:]]
        lines += [item.excerpt for item in finding.evidence[-1:] if item.excerpt]
        lines += [f"look at: {finding.hint}"] if finding.hint else []
        for line in lines:
            self._console.print(f"      {line}", style="dim", markup=False, highlight=False, soft_wrap=True)


def verdict(report: Report) -> str:
    passed, failed = report.count(Outcome.PASSED), report.count(Outcome.FAILED)
    left_out = report.count(Outcome.NOT_APPLICABLE)
    outcome = f"{failed} of {passed + failed} checks failed" if failed else f"All {passed} checks passed"
    return f"{outcome} in {report.seconds:.1f} s" + (
        f"; {left_out} {'does' if left_out == 1 else 'do'} not apply here." if left_out else "."
    )


def as_json(report: Report) -> dict[str, Any]:
    counts = {outcome.value: report.count(outcome) for outcome in Outcome}
    return {"verdict": verdict(report), "counts": counts, **asdict(report)}


def as_html(report: Report) -> str:
    environment = Environment(
        loader=PackageLoader("gateway.integration_validator", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(report=report, verdict=verdict(report))
