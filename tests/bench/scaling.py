"""More replicas of xero-adapter, more calls a second: on a Xero that answers in 200 ms, with pages of 50.

A replica's work is to wait for Xero; its threads are few, so that the machine keeps up with eight of them. Each replica
has as many organisations to read as the only one has, and what is counted are the calls answered while every
replica has work. The control has the same eight replicas, and all organisations on one partition.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.contracts.topics import REQUESTS
from tests.bench.figures import Figure, Report
from tests.bench.replicas import Doc, Replicas, replicas

LATENCY_MS, PAGE = 200, 50
MOST = 8
TARGET, MOST_BUSY = 7.0, 70.0
_TOO_BUSY = 90.0
_LOOK_EVERY = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Round:
    """``replicas`` that read; calls answered in the ``seconds`` in which each of them had work. Of the processor, all
    cores are 100 %."""

    replicas: int
    calls: int
    refused: int
    seconds: float
    busy: float  # %, whoever used it
    ours: dict[str, float]  # %, by part

    @property
    def rate(self) -> float:
        return self.calls / self.seconds


def run(broker: str, *, counts: Sequence[int] = (1, 4, MOST), organisations: int = 8, invoices: int = 150) -> Report:
    """``organisations`` for each replica; the first of ``counts`` is what the others are held against."""
    with replicas(broker, XERO_ADAPTER_THREADS="1") as made:
        made.behave(latency_ms=LATENCY_MS, page_cap=PAGE)
        done = [_round(made, count, count * organisations, invoices, REQUESTS.partitions) for count in counts]
        control = _round(made, counts[-1], organisations, invoices, 1)
    return _report(done, control)


def _round(made: Replicas, count: int, organisations: int, invoices: int, partitions: int) -> Round:
    made.scale(count)
    tenants = made.organisations(organisations, contacts=20, invoices=invoices)
    with Processor(made.pids()) as processor:
        checkpoints = made.ask(tenants, lambda number: number % partitions)
        made.ended_at(checkpoints, within=300)
    calls = made.calls(tenants)
    began, ended = _all_had_work(calls, {tenant: made.reader(tenant) for tenant in tenants})
    within = [call for call in calls if began <= call["at"] <= ended]
    return Round(
        replicas=count,
        calls=len(within) - 1,  # so many spans between them
        refused=sum(call["status"] == 429 for call in calls),
        seconds=(ended - began).total_seconds(),
        busy=processor.share("machine", began, ended),
        ours={part: processor.share(part, began, ended) for part in processor.parts},
    )


def _all_had_work(calls: Sequence[Doc], reader: dict[str, str]) -> tuple[datetime, datetime]:
    """From when the last replica began to when the first had no more to do."""
    times: dict[str, list[datetime]] = {}
    for call in calls:
        times.setdefault(reader[call["tenant"]], []).append(call["at"])
    return max(map(min, times.values())), min(map(max, times.values()))


@dataclass
class Processor:
    """Who used the processor while it was open, by groups of processes; nothing where the kernel does not tell."""

    leaders: dict[str, int]
    _looks: list[tuple[datetime, dict[str, float]]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Processor":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def parts(self) -> list[str]:
        return sorted({name.partition("#")[0] for name in self.leaders})

    def share(self, part: str, began: datetime, ended: datetime) -> float:
        """Percent of all cores."""
        looks = [(at, used[part]) for at, used in self._looks if began <= at <= ended]
        if len(looks) < 2:
            return 0.0
        (first, before), (last, after) = looks[0], looks[-1]
        return 100 * (after - before) / ((last - first).total_seconds() * (os.cpu_count() or 1))

    def _watch(self) -> None:
        members = self._members()
        while not self._over.wait(_LOOK_EVERY):
            used = {"machine": _of_all()} | dict.fromkeys(self.parts, 0.0)
            for name, pids in members.items():
                used[name.partition("#")[0]] += sum(map(_of_one, pids))
            self._looks.append((SYSTEM_CLOCK.now(), used))

    def _members(self) -> dict[str, list[int]]:
        pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        groups = {pid: _group(pid) for pid in pids}
        return {name: [pid for pid in pids if groups[pid] == leader] for name, leader in self.leaders.items()}


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _of_one(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _of_all() -> float:
    try:
        fields = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / _TICKS  # all but idle, and idle for a disk


def _report(done: Sequence[Round], control: Round) -> Report:
    first, last = done[0], done[-1]
    return Report(
        figures=[
            *(
                Figure(name=f"calls to Xero, adapters: {one.replicas}", unit="calls/s", values=[one.rate])
                for one in done
            ),
            Figure(
                name=f"  {first.replicas} -> {last.replicas} adapters", unit="times", target=TARGET,
                values=[last.rate / first.rate],
            ),
            Figure(
                name="  processor of all that runs for it, at the most", unit="%", target=MOST_BUSY, lower=True,
                values=[max(sum(one.ours.values()) for one in done)],
            ),
            Figure(
                name=f"  {first.replicas} -> {last.replicas}, all on one partition (control: 1)", unit="times",
                values=[control.rate / first.rate],
            ),
        ],
        notes=[
            f"Adapters of one thread, {REQUESTS.partitions} partitions, a Xero of {LATENCY_MS} ms, pages of {PAGE}:",
            *(f"  {_told(one)}" for one in done),
            f"  All on one partition: {_told(control)}",
            *_warning(done),
        ],
    )  # fmt: skip


def _warning(done: Sequence[Round]) -> list[str]:
    if max(one.busy for one in done) < _TOO_BUSY:
        return []
    return ["  Other work took the processor meanwhile; left to themselves, many adapters make more calls."]


def _told(one: Round) -> str:
    ours = ", ".join(f"{part} {share:.0f} %" for part, share in one.ours.items())
    return (
        f"{one.replicas} adapters: {one.calls} calls in {one.seconds:.1f} s, {one.refused} answers 429; processor "
        f" {sum(one.ours.values()):.0f} % ({ours}), others' work included {one.busy:.0f} %"
    )
