"""auth-link's worker: relays its events to Kafka, finishes refreshes that were cut off, keeps idle tokens alive, tells
Xero of disconnects and asks it once a day whether connections still stand."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

from accounting_link.chassis import env, kafka, logs, mongo, outbox, status
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock, wait
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.outbox import Relay
from accounting_link.chassis.shutdown import asked_to_stop
from auth_link import metrics
from auth_link.parts import SOURCE, Parts, assemble
from auth_link.settings import Worker as Settings
from auth_link.settings import permit_plain_http
from auth_link.vault import VaultKeyError
from auth_link.xero import XeroIdentity

log = logs.logger()

_PAUSE = timedelta(milliseconds=100)
_EVERY = timedelta(minutes=1)
_PROMPTLY = timedelta(seconds=2)
_STUCK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something to look after every so often. ``attend`` is told when to stop early."""

    every: timedelta
    attend: Callable[[Callable[[], bool]], int]


def chores(parts: Parts) -> list[Chore]:
    return [
        Chore(every=_EVERY, attend=parts.tokens.attend),
        Chore(every=_PROMPTLY, attend=parts.disconnects.attend),
        Chore(every=_EVERY, attend=parts.checks.attend),
    ]


class Worker:
    """Relays in its loop and does its chores beside it, for Xero may take long to answer and events must not wait.

    A failure of either ends ``run`` with that exception: the process is started again.
    """

    def __init__(self, db: Db, relay: Relay, chores: Sequence[Chore], clock: Clock) -> None:
        self._db, self._relay, self._chores, self._clock = db, relay, chores, clock
        self._turned = clock.monotonic()
        self._due = [self._turned for _ in chores]
        self._doing: list[Future[int] | None] = [None for _ in chores]

    def run(self, until: threading.Event) -> None:
        with ThreadPoolExecutor(len(self._chores), thread_name_prefix="chores") as pool:
            try:
                while not until.is_set():
                    self.turn(pool, until)
            finally:
                until.set()  # also when the relay failed: the pool is waited for

    def turn(self, pool: ThreadPoolExecutor, until: threading.Event) -> None:
        self._turned = self._clock.monotonic()
        for place, chore in enumerate(self._chores):
            self._do(place, chore, pool, until)
        if not self._relay.turn():
            metrics.OUTBOX.set(outbox.waiting(self._db))
            wait(until, _PAUSE)

    def _do(self, place: int, chore: Chore, pool: ThreadPoolExecutor, until: threading.Event) -> None:
        """Each chore one at a time: the next when it is due and the last is done."""
        doing = self._doing[place]
        if doing is not None and doing.done():
            doing.result()
            doing = self._doing[place] = None
        if doing is None and self._turned >= self._due[place]:
            self._due[place] = self._turned + chore.every.total_seconds()
            self._doing[place] = pool.submit(chore.attend, lambda: not until.is_set())

    def is_turning(self) -> bool:
        return self._clock.monotonic() - self._turned < _STUCK.total_seconds()


def build(settings: Settings, clock: Clock, exits: ExitStack) -> tuple[Worker, Db]:
    db = exits.enter_context(mongo.database(settings.mongo_uri, "auth_link"))
    transport = exits.enter_context(kafka.transport(settings.kafka_brokers))
    parts = assemble(
        db,
        XeroIdentity(settings.xero),
        settings.vault_keys,
        settings.xero.scopes,
        clock,
        transport=transport,
    )
    relay = Relay(db, Publisher(transport, source=SOURCE, clock=clock), clock, FaultPoint.from_env(os.environ))
    exits.callback(relay.close)
    return Worker(db, relay, chores(parts), clock), db


def main() -> int:
    logs.start("auth-link-worker")
    try:
        settings = Settings.from_env(os.environ)
        logs.start("auth-link-worker", settings.log_level)
        permit_plain_http(settings.xero, os.environ)
        with ExitStack() as exits:
            worker, db = build(settings, SYSTEM_CLOCK, exits)
            exits.enter_context(
                status.page(settings.status_bind, live=worker.is_turning, ready=lambda: mongo.answers(db))
            )
            worker.run(until=asked_to_stop())
    except (env.SettingsError, VaultKeyError) as error:
        log.error("auth-link-worker cannot start", problem=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
