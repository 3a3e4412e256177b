"""Figures, and how they are told: a table for people, JSON for programs."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing measured, once or several times. ``lower`` is better for seconds, higher for all else."""

    name: str
    values: Sequence[float]
    unit: str = ""
    target: float | None = None
    lower: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def reaches(self, slack: float = 1.0) -> bool:
        """Whether the median is as good as the target, or ``slack`` times worse at most."""
        if self.target is None:
            return True
        return self.median <= self.target * slack if self.lower else self.median >= self.target / slack

    def verdict(self) -> str:
        if self.target is None:
            return ""
        if self.reaches():
            return "reached"
        better, worse = sorted((self.median, self.target))
        return f"missed, {worse / better:.1f} times off" if better else "missed"

    def as_json(self) -> dict[str, Any]:
        told = {"name": self.name, "unit": self.unit, "target": self.target, "verdict": self.verdict()}
        return {**told, "median": self.median, "values": list(self.values)}


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures, where the time went (a row a stage, by process), and what else is worth knowing."""

    figures: Sequence[Figure]
    stages: Sequence[dict[str, Any]] = ()
    notes: Sequence[str] = ()


def tell(reports: Sequence[Report], as_json: bool, out: TextIO) -> None:
    if as_json:
        out.write(json.dumps(_document(reports), indent=1) + "\n")
        return
    console = Console(file=out, highlight=False, width=None if out.isatty() else 140)
    console.print(_figures([figure for report in reports for figure in report.figures]))
    for report in reports:
        if report.stages:
            console.print(_stages(report.stages))
    for note in (note for report in reports for note in report.notes):
        console.print(f"  {note}")


def _document(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "figures": [figure.as_json() for report in reports for figure in report.figures],
        "stages": [stage for report in reports for stage in report.stages],
        "notes": [note for report in reports for note in report.notes],
    }


def _figures(figures: Sequence[Figure]) -> Table:
    table = Table("", "unit", title="Bench")
    for name in ("min", "median", "max", "target"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for figure in figures:
        least, median, most = (_number(of(figure.values)) for of in (min, statistics.median, max))
        bound = "" if figure.target is None else f"{'≤' if figure.lower else '≥'} {_number(figure.target)}"
        table.add_row(figure.name, figure.unit, least, median, most, bound, figure.verdict())
    return table


def _stages(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table("process", "stage", title="Where the time went, all rounds together (ms for 1,000 records)")
    for name in ("ms", "of it processor", "share of the process's time"):
        table.add_column(name, justify="right")
    for row in rows:
        share = "" if row["share"] is None else f"{row['share']:.0%}"
        times = ("" if row[name] is None else f"{row[name]:.1f}" for name in ("ms", "processor_ms"))
        table.add_row(row["process"], row["stage"], *times, share)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
