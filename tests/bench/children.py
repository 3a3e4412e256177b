"""The processes of a pipeline: each joins its group, then waits to be told how many records to take.

The service's own ``build()`` makes the worker; only the clock around it is the bench's.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

from kafka import KafkaConsumer
from prometheus_client import REGISTRY
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.cursor import Cursor

from accounting_link.chassis import kafka, logs
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Publisher
from accounting_link.contracts.topics import RECORDS
from tests.bench.bare import Bare
from tests.bench.stages import Stages

_PATIENCE = 120.0
_SPAWN = multiprocessing.get_context("spawn")


class Worker(Protocol):
    def turn(self) -> int: ...

    def run(self, until: threading.Event) -> None: ...

    def is_assigned(self) -> bool: ...


class _Until(threading.Event):
    """Set once something is true; who asks for longer than we have patience for is told so."""

    def __init__(self, true: Callable[[], bool]) -> None:
        super().__init__()
        self._true, self._deadline = true, time.monotonic() + _PATIENCE

    def is_set(self) -> bool:
        if time.monotonic() > self._deadline:
            raise TimeoutError(f"not all records came within {_PATIENCE:.0f} s")
        return self._true()


@dataclass(frozen=True, slots=True)
class Ran:
    """One child's round. Times are the machine's monotonic clock, the same in all processes."""

    began: float
    ended: float
    processor: float  # seconds, of all its threads
    spent: dict[str, list[float]]  # by stage: seconds, of it processor; of the thread that works
    peak_mb: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Child:
    """A worker in a process of its own, held at a gate between rounds."""

    def __init__(self, role: str, told: dict[str, str]) -> None:
        self.role = role
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_work, args=(role, told, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that its death ends our waiting

    def go(self, records: int) -> None:
        self._pipe.send(records)

    def wait(self) -> Any:
        """The next thing it says; raises EOFError when it has died, and its own words are on stderr."""
        return self._pipe.recv()

    def end(self) -> None:
        self._pipe.close()
        self._process.join(10)
        self._process.kill()


@contextmanager
def children(roles: Iterable[str], told: dict[str, str]) -> Iterator[dict[str, Child]]:
    """All joined to their groups, with nothing left to read."""
    made = {role: Child(role, told) for role in roles}
    try:
        for child in made.values():
            child.wait()
        yield made
    finally:
        for child in made.values():
            child.end()


def _work(role: str, told: dict[str, str], pipe: Connection) -> None:
    logs.start(role, "ERROR")
    stages = Stages()
    with ExitStack() as exits:
        worker, done = _ROLES[role](told, stages, exits)
        _drain(worker)
        pipe.send("ready")
        while (records := _next(pipe)) is not None:
            stages.spent.clear()
            pipe.send(_round(worker, done, records, stages))


def _next(pipe: Connection) -> int | None:
    try:
        return int(pipe.recv())
    except EOFError:
        return None


def _drain(worker: Worker) -> None:
    """Past what is there already: an assigned worker that twice finds nothing has read all."""
    empty = 0
    done = _Until(lambda: empty >= 2)
    while not done.is_set():
        empty = 0 if worker.turn() or not worker.is_assigned() else empty + 1


def _round(worker: Worker, done: Callable[[], float], records: int, stages: Stages) -> Ran:
    before, began, processor = done(), time.monotonic(), time.process_time()
    with stages.stage("else"):
        worker.run(_Until(lambda: done() - before >= records))
    return Ran(began, time.monotonic(), time.process_time() - processor, dict(stages.spent), peak_mb("self"))


def peak_mb(pid: int | str) -> float:
    """The most memory a process ever held; 0 where the kernel does not tell."""
    try:
        with open(f"/proc/{pid}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
    except OSError:
        return 0.0
    return int(lines.get("VmHWM", "0 kB").split()[0]) / 1024


def _crm_writer(told: dict[str, str], stages: Stages, exits: ExitStack) -> tuple[Worker, Callable[[], float]]:
    from crm_writer import handlers, main
    from crm_writer.settings import Settings

    _time_parts(stages)
    stages.wrap(handlers, "sort", "decode")
    stages.wrap(handlers, "put_away", "decide and map")
    stages.wrap(Publisher, "message", "publish")
    worker, _ = main.build(Settings.from_env({**told, "LANE": "bulk"}), SYSTEM_CLOCK, exits)
    return worker, lambda: _counted("crm_writer_records_total", kind="invoice", result="created")


def _log_service(told: dict[str, str], stages: Stages, exits: ExitStack) -> tuple[Worker, Callable[[], float]]:
    from log_service import handlers, main, store
    from log_service.settings import Settings

    _time_parts(stages)
    stages.wrap(handlers, "understood", "decode")
    stages.wrap(handlers, "gather", "rows")
    stages.wrap(store, "keep", "join")
    worker = main.build(Settings.from_env(told), SYSTEM_CLOCK, exits)
    return worker, lambda: _counted("log_service_outcomes_total")


def _counted(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0


def _bare(told: dict[str, str], stages: Stages, exits: ExitStack) -> tuple[Worker, Callable[[], float]]:
    stages.wrap(KafkaConsumer, "poll", "poll")
    stages.wrap(KafkaConsumer, "commit", "commit")
    _time_mongo(stages)
    bare = Bare(told["KAFKA_BROKERS"], told["MONGO_URI"], RECORDS.name())
    return bare, lambda: bare.done


_ROLES = {"crm-writer": _crm_writer, "log-service": _log_service, "bare": _bare}


def _time_parts(stages: Stages) -> None:
    stages.wrap(kafka.GroupConsumer, "poll", "poll")
    stages.wrap(kafka.GroupConsumer, "commit", "commit")
    stages.wrap(kafka.KafkaTransport, "deliver", "publish")
    _time_mongo(stages)


def _time_mongo(stages: Stages) -> None:
    """BSON is made and read in these too. A find asks MongoDB only when its cursor is read."""
    stages.wrap(Cursor, "_refresh", "MongoDB: read")
    for verb in ("insert_many", "bulk_write", "update_many", "distinct"):
        stages.wrap(Collection, verb, "MongoDB: write" if verb != "distinct" else "MongoDB: read")
    stages.wrap(ClientSession, "commit_transaction", "MongoDB: commit")
