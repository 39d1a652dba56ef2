"""What the validator makes of answers, good and bad, and how it tells of them."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from gateway.integration_validator import agent, chat, routes, voice
from gateway.integration_validator.checks import Check, NotApplicable, Subject, run_all
from gateway.integration_validator.cli import CHECKS, main
from gateway.integration_validator.evidence import EXCERPT_CHARS, Finding, Outcome, Report, excerpt
from gateway.integration_validator.report import Narrator, as_html, as_json
from gateway.integration_validator.visitor import Visitor, problem
from gateway.routing_file import load_routing

PROBLEM = {"type": "/problems/x", "title": "X", "status": 401, "detail": "No.", "request_id": "abc"}
PROBLEM_TYPE = {"Content-Type": "application/problem+json"}
SUBJECT = Subject("http://parley.test", load_routing(), Path("Caddyfile"), Path("compose.yml"))


def _visitor(answer: Callable[[httpx.Request], httpx.Response]) -> Visitor:
    client = httpx.AsyncClient(base_url=SUBJECT.base_url, transport=httpx.MockTransport(answer))
    return Visitor(client, "a.b.c")


async def _finding(check: Check, answer: Callable[[httpx.Request], httpx.Response]) -> Finding:
    findings = await run_all([check], _visitor(answer), SUBJECT)
    return findings[check.group][0]


async def _asks(visitor: Visitor, _: Subject) -> str:
    await visitor.get("/thing")
    return "The thing is there."


ASKS = Check("Group", "Thing", _asks, "the log")


async def test_a_promise_that_is_kept_passes_with_its_evidence() -> None:
    finding = await _finding(ASKS, lambda _: httpx.Response(200, json={"a": 1}))
    assert (finding.outcome, finding.sentence, finding.hint) == (Outcome.PASSED, "The thing is there.", "")
    assert finding.evidence[0].answer == "200 OK"
    assert json.loads(finding.evidence[0].excerpt) == {"a": 1}


async def test_another_status_fails_with_the_problems_own_words_and_the_hint() -> None:
    finding = await _finding(ASKS, lambda _: httpx.Response(503, json={"detail": "It rests."}))
    assert finding.outcome is Outcome.FAILED
    assert finding.sentence == "GET /thing answered 503, not 200. It rests."
    assert finding.hint == "the log"


async def test_what_the_gateway_answers_for_a_service_that_is_away_is_told_as_a_consequence() -> None:
    away = {"detail": "Speech rests.", "service": "voice-interaction-service"}
    followed = await _finding(ASKS, lambda _: httpx.Response(503, json=away))
    by_itself = await _finding(ASKS, lambda _: httpx.Response(404, json=away))
    assert (followed.because_of, by_itself.because_of) == ("voice-interaction-service", "")
    page = as_html(_report(by_itself, followed))
    assert '<span class="name">voice-interaction-service</span> away these failed too: Thing.' in page
    assert page.count("answered 503") == 1, "in its evidence, not among the causes"


async def test_routes_are_told_by_service_and_identity_is_asked_of_one_that_is_there() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        away = request.url.path.startswith(("/api/v1/voice", "/v1/audio"))
        return httpx.Response(503 if away else 401, json=PROBLEM, headers=PROBLEM_TYPE)

    subject = Subject("http://parley.test", load_routing(), Path("Caddyfile"), Path("compose.yml"))
    asked = [one for one in routes.CHECKS if one.name in {"Routes", "No token"}]
    findings = await run_all(asked, _visitor(answer), subject)
    sentence = findings["Gateway"][0].sentence
    assert sentence.startswith("voice-interaction-service is not there (/api/v1/voice/stt/transcribe, ")
    assert sentence.count("is not there") == 1
    assert findings["Identity"][0].outcome is Outcome.PASSED


async def test_no_answer_at_all_is_a_finding_too() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    finding = await _finding(ASKS, refuse)
    assert finding.outcome is Outcome.FAILED
    assert finding.evidence[0].answer == "ConnectError"


async def test_an_answer_of_another_shape_is_a_finding_and_stops_nobody() -> None:
    async def looks_inside(visitor: Visitor, _: Subject) -> str:
        return str((await visitor.get("/thing")).json()["missing"])

    checks = [Check("Group", "Shape", looks_inside), ASKS]
    findings = await run_all(checks, _visitor(lambda _: httpx.Response(200, json={})), SUBJECT)
    assert [finding.outcome for finding in findings["Group"]] == [Outcome.FAILED, Outcome.PASSED]


async def test_what_does_not_apply_says_why_and_fails_nothing() -> None:
    async def no_such_thing(visitor: Visitor, _: Subject) -> str:
        raise NotApplicable("There is no Docker here.")

    finding = await _finding(Check("Group", "Docker", no_such_thing), lambda _: httpx.Response(200))
    assert (finding.outcome, finding.sentence) == (Outcome.NOT_APPLICABLE, "There is no Docker here.")


async def test_a_refusal_must_be_a_whole_problem_document() -> None:
    async def refused(visitor: Visitor, _: Subject) -> str:
        problem(await visitor.get("/thing", expect=401))
        return "Refused."

    check = Check("Group", "Refusal", refused)
    good = await _finding(
        check, lambda _: httpx.Response(401, headers=PROBLEM_TYPE, content=json.dumps(PROBLEM))
    )
    untyped = await _finding(check, lambda _: httpx.Response(401, text="no"))
    partial = await _finding(
        check, lambda _: httpx.Response(401, headers=PROBLEM_TYPE, content='{"type": "x"}')
    )
    assert good.outcome is Outcome.PASSED
    assert "not a problem document" in untyped.sentence
    assert "title, status, detail, request_id" in partial.sentence


async def test_the_token_is_in_no_evidence() -> None:
    finding = await _finding(ASKS, lambda _: httpx.Response(200, json={}))
    assert "a.b.c" not in json.dumps(as_json(_report(finding)))


def test_sound_is_told_by_its_size_and_text_is_cut() -> None:
    assert excerpt(b"\x00" * 500, "audio/wav") == "500 bytes of audio/wav"
    assert len(excerpt(b"x" * 5000, "text/plain")) == EXCERPT_CHARS + 2


def _report(*findings: Finding) -> Report:
    return Report(SUBJECT.base_url, "2026-01-01T00:00:00+00:00", 1.5, "0.1.0", {"Group": findings})


def test_the_page_says_the_verdict_first_and_escapes_what_came_back() -> None:
    failed = Finding("Thing", Outcome.FAILED, "It said <script>alert(1)</script>.", "the log")
    page = as_html(_report(failed, Finding("Other", Outcome.PASSED, "Well.")))
    assert "1 of 2 checks failed in 1.5 s" in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace(SUBJECT.base_url, "")  # it fetches nothing from anywhere


def test_the_terminal_names_the_group_once_and_shows_a_failure_with_its_hint() -> None:
    console = Console(width=100, record=True, force_terminal=False)
    narrator = Narrator(console)
    for outcome in (Outcome.PASSED, Outcome.FAILED):
        narrator.tell(ASKS, Finding("Thing", outcome, "A sentence.", "the log"))
    text = console.export_text()
    assert text.count("Group") == 1
    assert "✓ Thing: A sentence." in text
    assert "look at: the log" in text


def test_without_a_token_or_a_secret_it_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.delenv("PARLEY_TOKEN", raising=False)
    monkeypatch.setattr("gateway.integration_validator.cli.ROOT", tmp_path)
    assert main([]) == 2
    assert "JWT_SECRET" in capsys.readouterr().err


def test_every_check_has_a_name_of_its_own_and_says_where_to_look() -> None:
    names = [(check.group, check.name) for check in CHECKS]
    assert len(set(names)) == len(names)
    assert all(check.hint for check in CHECKS)


async def test_the_agents_colour_is_told_and_an_unknown_one_is_a_finding() -> None:
    check = next(one for one in agent.CHECKS if one.name == "Colour")
    good = await _finding(check, lambda _: httpx.Response(200, json={"colour": "blue", "version": "1"}))
    bad = await _finding(check, lambda _: httpx.Response(200, json={"colour": "purple"}))
    assert (good.outcome, good.sentence) == (Outcome.PASSED, "The route leads to blue, version 1.")
    assert (bad.outcome, bad.sentence) == (Outcome.FAILED, "It says its colour is 'purple'.")


def test_every_service_of_the_routing_file_has_checks_of_its_own_or_is_the_monitor() -> None:
    covered = {voice.SERVICE, chat.SERVICE, agent.SERVICE, "gateway-health-monitor"}
    assert set(load_routing().services) <= covered


def test_every_prefix_in_the_routing_file_has_an_example_below_it() -> None:
    for service in load_routing().services.values():
        for path, route in service.routes.items():
            if path.endswith("/*"):
                assert route.example, f"{path}: add `example:`, a path below it that wants a token"
                assert route.example.startswith(path.removesuffix("*"))
