"""Half a million invoices through one adapter, on the simulator's core and a clock that jumps: what is held meanwhile.

A child process seeds the organisation once and forks for each thing weighed: nothing (the twin alone), the adapter
reading all invoices, and, as the control, one that keeps what it has read and reads its first page twice. Memory is the
most that each held at any time. What the adapter publishes is let go.
"""

import gc
import multiprocessing
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.connection import Connection

from accounting_link.chassis import logs
from accounting_link.chassis.messages import Place, Publisher, Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.words import Stream
from tests.bench.children import peak_mb
from tests.bench.figures import Figure, Report
from tests.unit.xero_adapter.world import World
from xero_adapter.memory import MemoryCheckpoints
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.cursor import Cursor, Page
from xero_adapter.store import Checkpoint

INVOICES, TARGET_MB = 500_000, 150.0
_PAGE = 1000
_FORK, _SPAWN = multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")


@dataclass(frozen=True, kw_only=True)
class Held:
    """``wrong``: pages read but not checkpointed, or more than once."""

    records: int = 0
    pages: int = 0
    wrong: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Volume:
    """``sales``: how many the simulator holds."""

    sales: int
    alone: Held
    adapter: Held
    keeper: Held

    @property
    def grown_mb(self) -> float:
        return self.adapter.peak_mb - self.alone.peak_mb

    @property
    def kept_mb(self) -> float:
        return self.keeper.peak_mb - self.alone.peak_mb


def run(invoices: int = INVOICES) -> Report:
    found = measure(invoices, TARGET_MB)
    read = found.adapter
    return Report(
        figures=[
            Figure(
                name=f"{found.sales:,} invoices through one adapter", unit="records/s",
                values=[read.records / read.seconds],
            ),
            Figure(
                name="  memory it adds to the twin's", unit="MB", target=TARGET_MB, lower=True,
                values=[found.grown_mb],
            ),
            Figure(name="  an adapter that keeps them (control)", unit="MB", values=[found.kept_mb]),
            Figure(
                name="  pages checkpointed once, of all", unit="%", target=100,
                values=[100 * (read.pages - read.wrong) / read.pages],
            ),
        ],
        notes=[
            f"One adapter read {read.records:,} of {found.sales:,} invoices in {read.pages} pages of {_PAGE}: "
            f"{found.alone.peak_mb:.0f} MB the twin alone, {read.peak_mb:.0f} MB at the most with the adapter. "
            f"The control was ended past the limit, after {found.keeper.records:,} invoices.",
        ],
    )  # fmt: skip


def measure(invoices: int, limit_mb: float) -> Volume:
    """``limit_mb``: the control is ended once it has kept so much."""
    mine, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(target=_measure, args=(invoices, limit_mb, theirs))
    child.start()
    theirs.close()  # so that its death ends our waiting
    try:
        volume: Volume = mine.recv()
    finally:
        child.terminate()
        child.join()
    return volume


def _measure(invoices: int, limit_mb: float, pipe: Connection) -> None:
    logs.start("bench", "ERROR")
    world = World(contacts=1000, invoices=invoices, page_size=_PAGE)
    world.request(streams=[Stream.INVOICES])
    world.consumer.close()
    sales = len(world.simulator.organisations[world.tenant].invoices.by_update("ACCREC", None))
    gc.collect()
    alone = _forked(Held)
    adapter = _forked(lambda: _read(world, _Letting()))
    keeper = _forked(lambda: _read(world, _Keeping(alone.peak_mb + limit_mb), _stumbling()))
    pipe.send(Volume(sales=sales, alone=alone, adapter=adapter, keeper=keeper))


def _forked(work: Callable[[], Held]) -> Held:
    """In a process of its own, which begins with all that this one holds."""
    mine, theirs = _FORK.Pipe()
    process = _FORK.Process(target=lambda: theirs.send(replace(work(), peak_mb=peak_mb("self"))))
    process.start()
    theirs.close()
    held: Held = mine.recv()
    process.join()
    return held


def _read(world: World, broker: "_Letting", follow: Callable[[Cursor, Page], Cursor | None] = cursors.follow) -> Held:
    checkpoints = _Counted()
    world.follow = follow
    world.publisher = Publisher(broker, source="/bench", clock=world.clock)
    world.checkpoints = checkpoints
    world.worker, world.pool = world.replica()
    began = time.monotonic()
    with suppress(_EnoughError):
        world.run()
    asked = [(call["if_modified_since"], call["query"]["page"]) for call in world.calls() if "Invoices" in call["path"]]
    return Held(
        records=sum(one.read for one in checkpoints.checkpoints.values()),
        pages=len(asked),
        wrong=len(asked) - len({*asked}) + abs(checkpoints.saved - len(asked)),
        seconds=time.monotonic() - began,
    )


class _Counted(MemoryCheckpoints):
    """Counts the pages that are saved."""

    def __init__(self) -> None:
        super().__init__()
        self.saved = 0

    def save(self, checkpoint: Checkpoint) -> bool:
        self.saved += not checkpoint.ended
        return super().save(checkpoint)


def _stumbling() -> Callable[[Cursor, Page], Cursor | None]:
    """Goes on as it should, but for its first step."""
    steps = count()
    return lambda cursor, page: cursors.follow(cursor, page) if next(steps) else cursor


class _Letting:
    """A broker that lets go what it is given."""

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        return [Sent(Place(message.topic, 0), 0) for message in messages]


class _EnoughError(Exception):
    """Proven: what is kept is seen."""


class _Keeping(_Letting):
    """The control."""

    def __init__(self, most_mb: float) -> None:
        self._most_mb, self._kept = most_mb, list[Message]()

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        self._kept += messages
        # A little past it: the kernel's figure of the same moment is another a moment later.
        if peak_mb("self") > self._most_mb * 1.02:
            raise _EnoughError
        return super().deliver(messages)
