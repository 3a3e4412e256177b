"""auth-link's worker: relays its events to Kafka, finishes refreshes that were cut off, keeps idle tokens alive."""

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

from accounting_link.chassis import env, kafka, logs, mongo, outbox, status
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock, wait
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.outbox import Relay
from accounting_link.chassis.shutdown import asked_to_stop
from auth_link import metrics
from auth_link.parts import SOURCE, assemble
from auth_link.settings import Worker as Settings
from auth_link.settings import permit_plain_http
from auth_link.tokens import Tokens
from auth_link.vault import VaultKeyError
from auth_link.xero import XeroIdentity

log = logs.logger()

_PAUSE = timedelta(milliseconds=100)
_EVERY = timedelta(minutes=1)
_STUCK = timedelta(minutes=1)


class Worker:
    """Relays in its loop and cares for tokens beside it, for Xero may take long to answer and events must not wait.

    A failure of either ends ``run`` with that exception: the process is started again.
    """

    def __init__(self, db: Db, relay: Relay, tokens: Tokens, clock: Clock) -> None:
        self._db, self._relay, self._tokens, self._clock = db, relay, tokens, clock
        self._due = self._turned = clock.monotonic()

    def run(self, until: threading.Event) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="tokens") as pool:
            caring: Future[int] | None = None
            try:
                while not until.is_set():
                    caring = self.turn(pool, caring, until)
            finally:
                until.set()  # also when the relay failed: the pool is waited for

    def turn(self, pool: ThreadPoolExecutor, caring: Future[int] | None, until: threading.Event) -> Future[int] | None:
        self._turned = self._clock.monotonic()
        if caring is not None and caring.done():
            caring.result()
            caring = None
        if caring is None and self._turned >= self._due:
            self._due = self._turned + _EVERY.total_seconds()
            caring = pool.submit(self._tokens.attend, lambda: not until.is_set())
        if not self._relay.turn():
            metrics.OUTBOX.set(outbox.waiting(self._db))
            wait(until, _PAUSE)
        return caring

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
    return Worker(db, relay, parts.tokens, clock), db


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
