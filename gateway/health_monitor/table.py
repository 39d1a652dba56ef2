"""The monitor's table in a terminal, and the same facts as JSON. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from gateway.health_monitor.monitor import Row
from gateway.health_monitor.records import Record
from services.common.circuit_breaker import BreakerState

_STYLES = {BreakerState.CLOSED: "green", BreakerState.HALF_OPEN: "yellow", BreakerState.OPEN: "red"}


def table(rows: Sequence[Row], now: float) -> Table:
    """`now`: seconds since the epoch."""
    drawn = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    for column in ("Service", "State", "For", "Failures", "Latency", "Next"):
        numeric = column in {"Failures", "Latency", "Next"}
        drawn.add_column(column, justify="right" if numeric else "left", no_wrap=not numeric)
    drawn.add_column("What is the matter", overflow="fold", ratio=1)
    replicas = Counter(row.target.service for row in rows)
    for row in rows:
        drawn.add_row(_name(row, replicas[row.target.service]), *_cells(row, now))
    return drawn


def _name(row: Row, replicas: int) -> str:
    which = row.target.colour or row.target.upstream
    return row.target.service if replicas == 1 else f"{row.target.service} {which}"


def as_json(rows: Sequence[Row], now: float) -> list[dict[str, Any]]:
    return [
        {
            "service": row.target.service,
            "upstream": row.target.upstream,
            "colour": row.target.colour or None,
            "healthy": row.record.healthy,
            "state": row.record.state.value,
            "since": row.record.since,
            "consecutive_failures": row.record.consecutive_failures,
            "checked_at": row.record.checked_at,
            "latency_seconds": row.record.latency_seconds,
            "error": row.record.error,
            "note": row.record.note or None,
            "next_check_at": row.next_check_at,
            "sentence": None if row.record.error is None else row.target.sentence,
            "age_seconds": None if row.record.checked_at is None else max(0.0, now - row.record.checked_at),
        }
        for row in rows
    ]


def _cells(row: Row, now: float) -> list[str | Text]:
    record = row.record
    return [
        _state(record),
        _span(now - record.since) if record.since is not None else "",
        str(record.consecutive_failures or ""),
        f"{record.latency_seconds * 1000:.0f} ms" if record.latency_seconds is not None else "",
        _span(row.next_check_at - now) if row.next_check_at is not None else "",
        record.error or Text(record.note, "dim"),
    ]


def _state(record: Record) -> Text:
    if not record.known:
        return Text("not checked yet", "dim")
    if record.state is BreakerState.CLOSED and record.error is not None:
        return Text("failing", "yellow")
    return Text(record.state.replace("_", "-"), _STYLES[record.state])


def _span(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"
