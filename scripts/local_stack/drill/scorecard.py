"""What the users saw in a scene, and whether that is what was promised. Pure but for the printing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.local_stack.drill.scenes import Scene
from scripts.local_stack.drill.users import Journey, Seen, Sight
from scripts.local_stack.plan import GATEWAY

_WORDS = {
    Seen.ANSWER: "answers",
    Seen.REFUSAL: "refusals",
    Seen.NOTHING: "cut off",
    Seen.NONSENSE: "nonsense",
}
_FIGURES = frozenset({"away", "slowest", "well again"})


@dataclass(frozen=True, slots=True)
class Score:
    """`away_seconds`: the longest that any user went without an answer. `recovered_seconds`: from the end of
    the fault until everybody was served again; None: not by itself. `shortfalls`: promises not kept."""

    scene: str
    saw: str
    sentence: str
    away_seconds: float
    recovered_seconds: float | None
    slowest_seconds: float
    shortfalls: Sequence[str] = field(default_factory=tuple)


def score(scene: Scene, sights: Mapping[Journey, Sequence[Sight]], recovered_seconds: float | None) -> Score:
    everything = [sight for some in sights.values() for sight in some]
    return Score(
        scene.name,
        _saw(everything),
        next((sight.sentence for sight in everything if sight.seen is Seen.REFUSAL), ""),
        max((away_seconds(some) for some in sights.values()), default=0.0),
        recovered_seconds,
        max((sight.seconds for sight in everything), default=0.0),
        tuple(_shortfalls(scene, sights, recovered_seconds)),
    )


def away_seconds(sights: Sequence[Sight]) -> float:
    """The longest time from asking in vain to the next answer."""
    longest, since = 0.0, None
    for sight in sights:
        if sight.seen is Seen.ANSWER:
            longest = max(longest, sight.ended_at - since) if since is not None else longest
            since = None
        elif since is None:
            since = sight.began_at
    return longest


def _saw(sights: Sequence[Sight]) -> str:
    counts = Counter(sight.seen for sight in sights)
    return ", ".join(f"{counts[seen]} {word}" for seen, word in _WORDS.items() if counts[seen])


def _shortfalls(
    scene: Scene, sights: Mapping[Journey, Sequence[Sight]], recovered_seconds: float | None
) -> list[str]:
    found = []
    for journey, some in sights.items():
        wrong = [sight for sight in some if not _is_promised(scene, journey, sight)]
        if wrong:
            told = wrong[0].sentence or wrong[0].seen
            found.append(f"who {journey.name}: {len(wrong)} of {len(some)} not as promised ({told})")
    if recovered_seconds is None:
        found.append("it did not recover by itself")
    return found


def _is_promised(scene: Scene, journey: Journey, sight: Sight) -> bool:
    """An answer; a sentence, for those who lean on what is broken; silence, where that is the gateway."""
    if sight.seen is Seen.ANSWER:
        return True
    if not scene.may_notice(journey):
        return False
    return sight.seen is Seen.REFUSAL or (scene.part == GATEWAY and sight.seen is Seen.NOTHING)


def in_a_line(one: Score) -> str:
    mark = "✗" if one.shortfalls else "✓"
    away = f"; away for {one.away_seconds:.1f} s" if one.away_seconds else ""
    return f"{mark} {one.scene}: {one.saw}{away}"


def show(scores: Sequence[Score], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in ("", "broken, and what the users saw", "away", "slowest", "well again"):
        justify: Literal["right", "left"] = "right" if heading in _FIGURES else "left"
        table.add_column(heading, justify=justify, no_wrap=heading in _FIGURES)
    for one in scores:
        table.add_row(*_cells(one))
    console.print(table)
    for one in scores:
        for shortfall in one.shortfalls:
            console.print(f"✗ {one.scene}: {shortfall}", style="red", highlight=False, markup=False)


def _cells(one: Score) -> list[Text]:
    mark = Text("✗", "red") if one.shortfalls else Text("✓", "green")
    told = Text(one.scene).append(f"\n{one.saw}", "dim")
    if one.sentence:
        told.append(f"\n“{one.sentence}”", "dim")
    well = "not by itself" if one.recovered_seconds is None else f"{one.recovered_seconds:.1f} s"
    away = f"{one.away_seconds:.1f} s" if one.away_seconds else ""
    return [mark, told, Text(away), Text(f"{one.slowest_seconds:.1f} s"), Text(well)]
