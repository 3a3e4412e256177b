"""sync-orchestrator's worker: carries every sync from its request to its end."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

from accounting_link.chassis import kafka, logs, mongo, status, topics
from accounting_link.chassis.batch_worker import BatchWorker
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.env import SettingsError
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.outbox import Relay
from accounting_link.chassis.shutdown import asked_to_stop
from accounting_link.contracts.topics import SYNC_ORCHESTRATOR
from sync_orchestrator import store
from sync_orchestrator.handlers import Advance, Tend
from sync_orchestrator.removals import Removals
from sync_orchestrator.settings import Settings

log = logs.logger()

DATABASE = "sync_orchestrator"
_AT_MOST = 500
# Also how long a request that the web service stored waits for the relay.
_WAIT = timedelta(milliseconds=50)


def build(settings: Settings, clock: Clock, exits: ExitStack) -> tuple[BatchWorker, Callable[[], None]]:
    """Every part of the worker and how the parts meet: the loop, and what it does after each turn."""
    db = exits.enter_context(mongo.database(settings.mongo_uri, DATABASE))
    store.prepare(db)
    platform = db.client.get_database(topics.PLATFORM)
    transport = exits.enter_context(kafka.transport(settings.kafka_brokers))
    publisher = Publisher(transport, source="/sync-orchestrator", clock=clock)
    consumer = exits.enter_context(
        kafka.consumer(
            settings.kafka_brokers, SYNC_ORCHESTRATOR, session_timeout=settings.session_timeout, at_most=_AT_MOST
        )
    )
    syncs = store.Store(db, publisher)
    dead = DeadLetters(publisher, consumer="sync-orchestrator", clock=clock)
    tend = Tend(
        syncs,
        lambda: topics.generation(platform),
        clock,
        silence=settings.silence,
        every=timedelta(milliseconds=500),
    )
    faults = FaultPoint.from_env(os.environ)
    relay = Relay(db, publisher, clock, faults)
    exits.callback(relay.close)
    worker = BatchWorker(
        consumer,
        Advance(syncs, Removals(db, publisher, clock), dead, clock, faults),
        at_most=_AT_MOST,
        wait=_WAIT,
        clock=clock,
    )

    def between() -> None:
        tend.turn()
        relay.turn()

    return worker, between


def main() -> int:
    logs.start("sync-orchestrator-worker")
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        log.error("not started", problem=str(error))
        return 1
    logs.start("sync-orchestrator-worker", settings.log_level)
    stop = asked_to_stop()
    with ExitStack() as exits:
        worker, between = build(settings, SYSTEM_CLOCK, exits)
        exits.enter_context(status.page(settings.status_bind, live=worker.is_turning, ready=worker.is_assigned))
        while not stop.is_set():
            worker.turn()
            between()
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
