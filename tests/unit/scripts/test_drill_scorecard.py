"""What the drill makes of what the users saw."""

import httpx
import pytest
from rich.console import Console

from scripts.local_stack.drill.scenes import JOURNEYS, SCENES, Scene
from scripts.local_stack.drill.scorecard import away_seconds, score, show
from scripts.local_stack.drill.users import Journey, Seen, Sight, judge
from scripts.local_stack.plan import GATEWAY, PREFERRED_PORTS

BROKEN = next(scene for scene in SCENES if scene.name == "chat-service frozen")
GATEWAY_KILLED = next(scene for scene in SCENES if scene.part == GATEWAY)
LEANS = Journey("lists", "GET", "/list", frozenset({GATEWAY, "chat-service"}))
DOES_NOT = Journey("listens", "GET", "/hear", frozenset({GATEWAY, "voice-interaction-service"}))


def sights(*seen: Seen) -> list[Sight]:
    """One a second, each of half a second."""
    return [
        Sight(one, at, at + 0.5, "It rests." if one is Seen.REFUSAL else "") for at, one in enumerate(seen)
    ]


def shortfalls(scene: Scene, journey: Journey, *seen: Seen, recovered: float | None = 1.0) -> list[str]:
    return list(score(scene, {journey: sights(*seen)}, recovered).shortfalls)


def test_a_refusal_is_as_promised_for_those_who_lean_on_what_is_broken() -> None:
    assert shortfalls(BROKEN, LEANS, Seen.ANSWER, Seen.REFUSAL, Seen.ANSWER) == []


def test_a_refusal_falls_short_for_those_who_do_not() -> None:
    assert shortfalls(BROKEN, DOES_NOT, Seen.ANSWER, Seen.REFUSAL) == [
        "who listens: 1 of 2 not as promised (It rests.)"
    ]


@pytest.mark.parametrize("seen", [Seen.NONSENSE, Seen.NOTHING])
def test_nonsense_and_silence_fall_short_whoever_sees_them(seen: Seen) -> None:
    assert len(shortfalls(BROKEN, LEANS, seen)) == 1


def test_silence_is_all_that_a_gateway_that_is_gone_can_give() -> None:
    assert shortfalls(GATEWAY_KILLED, LEANS, Seen.NOTHING, Seen.ANSWER) == []
    assert len(shortfalls(GATEWAY_KILLED, LEANS, Seen.NONSENSE)) == 1


def test_what_does_not_get_well_by_itself_falls_short() -> None:
    assert shortfalls(BROKEN, LEANS, Seen.ANSWER, recovered=None) == ["it did not recover by itself"]


def test_away_is_the_longest_time_from_asking_in_vain_to_the_next_answer() -> None:
    seen = sights(Seen.ANSWER, Seen.REFUSAL, Seen.NOTHING, Seen.ANSWER, Seen.REFUSAL, Seen.ANSWER)
    assert away_seconds(seen) == 2.5
    assert away_seconds(sights(Seen.ANSWER)) == 0


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        (httpx.Response(200, json={}), Seen.ANSWER),
        (httpx.Response(204), Seen.ANSWER),
        (
            httpx.Response(
                503, json={"detail": "It rests."}, headers={"content-type": "application/problem+json"}
            ),
            Seen.REFUSAL,
        ),
        (httpx.Response(503, text="Service Unavailable"), Seen.NONSENSE),
        (httpx.Response(500, json={}, headers={"content-type": "application/problem+json"}), Seen.NONSENSE),
        (httpx.Response(404, json={}, headers={"content-type": "application/problem+json"}), Seen.NONSENSE),
    ],
)
def test_a_refusal_is_a_problem_that_passes_and_anything_else_is_nonsense(
    reply: httpx.Response, seen: Seen
) -> None:
    assert judge(reply)[0] is seen


def test_the_card_marks_what_fell_short_and_quotes_the_sentence() -> None:
    console = Console(width=140, record=True, force_terminal=False)
    good = score(BROKEN, {LEANS: sights(Seen.ANSWER, Seen.REFUSAL, Seen.ANSWER)}, 2.0)
    bad = score(BROKEN, {DOES_NOT: sights(Seen.NONSENSE)}, None)
    show([good, bad], console)
    card = console.export_text()
    assert "✓  chat-service frozen" in card
    assert "“It rests.”" in card
    assert "✗ chat-service frozen: it did not recover by itself" in card


def test_every_scene_breaks_a_part_that_somebody_leans_on() -> None:
    leaned_on = {part for journey in JOURNEYS for part in journey.leans_on}
    assert {scene.part for scene in SCENES} <= leaned_on
    assert len({scene.name for scene in SCENES}) == len(SCENES)


def test_every_process_of_the_stack_that_serves_is_broken_once() -> None:
    aside = {"gateway-metrics", "learning-service", "voice-worker"}
    aside |= {"wyoming-speech-to-text", "wyoming-text-to-speech"}  # ports of the voice service's own process
    assert set(PREFERRED_PORTS) - aside <= {scene.part for scene in SCENES}
