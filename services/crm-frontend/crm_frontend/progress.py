"""A sync as its panel shows it: bars, words and seconds, worked out from the API's own telling. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_frontend import pictures, words


@dataclass(frozen=True, slots=True)
class Bar:
    """One stream. ``expected`` is None while Xero has not said how many there are."""

    stream: str
    title: str
    read: int
    applied: int
    expected: int | None
    ended: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Outcomes of one kind of record, in the order of the page."""

    kind: str
    title: str
    outcomes: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.outcomes.values())


_LEAST = 12.0  # the bar of a line is narrow


@dataclass(frozen=True, slots=True)
class Line:
    """What came of a sync's records, in one line."""

    imported: int
    left_out: int
    failed: int
    pieces: Sequence[pictures.Piece]


def line(results: Mapping[str, int]) -> Line:
    """From the numbers of the list of syncs: by result, of all kinds."""
    shown = _in_order(results)
    imported = sum(shown.get(name, 0) for name in ("created", "updated", "unchanged"))
    return Line(imported, shown.get("left_out", 0), shown.get("failed", 0), pictures.stacked(shown, _LEAST))


def bars(sync: Mapping[str, Any]) -> list[Bar]:
    streams = sync.get("streams") or {}
    known = [name for name in words.STREAMS if name in streams]
    return [_bar(name, streams[name]) for name in (*known, *(name for name in streams if name not in known))]


def _bar(name: str, stream: Mapping[str, Any]) -> Bar:
    read, ended = int(stream.get("read") or 0), bool(stream.get("ended"))
    # Xero's own count is an estimate until the end: records may come twice, or arrive meanwhile.
    expected = read if ended else stream.get("expected")
    return Bar(
        stream=name,
        title=words.STREAMS.get(name, name.capitalize()),
        read=read,
        # Ended means that every copy is put away. Two copies of one record in a batch count as one until then.
        applied=read if ended else int(stream.get("applied") or 0),
        expected=None if expected is None else max(int(expected), read),
        ended=ended,
    )


def is_final(sync: Mapping[str, Any]) -> bool:
    return sync.get("state") in words.FINAL_STATES


def seconds(sync: Mapping[str, Any], now: datetime) -> float | None:
    """How long it took, or takes so far. None before it starts."""
    began = words.instant(sync.get("started_at"))
    ended = words.instant(sync.get("ended_at")) or now
    return max((ended - began).total_seconds(), 0.0) if began else None


def counts(told: Mapping[str, Any]) -> list[Counts]:
    """The log's numbers: {"contact": {"created": 3, ...}, ...}; what is zero everywhere is left away."""
    found = told.get("counts") or {}
    return [
        Counts(kind, words.KINDS.get(kind, kind.capitalize()), _in_order(found[kind]))
        for kind in (*words.KINDS, *(kind for kind in found if kind not in words.KINDS))
        if found.get(kind)
    ]


def results(told: Mapping[str, Any]) -> dict[str, int]:
    """The log's numbers of all kinds together, by result."""
    return {name: sum(of.get(name, 0) for of in (told.get("counts") or {}).values()) for name in words.OUTCOMES}


def _in_order(outcomes: Mapping[str, int]) -> dict[str, int]:
    return {name: int(outcomes[name]) for name in words.OUTCOMES if outcomes.get(name)}
