"""crm-writer: Xero's records in, the CRM's companies, contacts and transactions out. One process a lane."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from uuid import uuid4

from accounting_link.chassis import kafka, logs, mongo, outbox, status
from accounting_link.chassis.batch_worker import BatchWorker
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.env import SettingsError
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.outbox import Relay
from accounting_link.chassis.shutdown import asked_to_stop
from accounting_link.contracts.topics import CRM_WRITER, Lane
from crm_writer import metrics, store
from crm_writer.handlers import ApplyBatch
from crm_writer.removals import Removals
from crm_writer.settings import DATABASE, Settings

log = logs.logger()
NAME = "crm-writer"


def build(settings: Settings, clock: Clock, exits: ExitStack) -> tuple[BatchWorker, Callable[[], object]]:
    """Every part of the worker and how the parts meet: the loop, and what it does after each batch. To learn the
    service, start here."""
    db = exits.enter_context(mongo.database(settings.mongo_uri, DATABASE))
    store.prepare(db)
    transport = exits.enter_context(kafka.transport(settings.kafka_brokers))
    publisher = Publisher(transport, source=f"/{NAME}", clock=clock)
    dead = DeadLetters(publisher, consumer=NAME, clock=clock)
    consumer = exits.enter_context(
        kafka.consumer(
            settings.kafka_brokers,
            CRM_WRITER[settings.lane],
            session_timeout=settings.session_timeout,
            at_most=settings.batch_records,
        )
    )
    records = store.MongoRecords(db, publisher)
    apply = ApplyBatch(records, publisher, dead, clock, settings.fault)
    worker = BatchWorker(consumer, apply, at_most=settings.batch_records, wait=settings.batch_wait, clock=clock)
    # Nobody's click waits for a removal: it is asked for in one lane, and worked on in the other.
    if settings.lane == Lane.BULK:
        return worker, Removals(records, store.OpenRemovals(db), publisher, clock, uuid4().hex, settings.fault).turn
    relay = Relay(db, publisher, clock, settings.fault)
    exits.callback(relay.close)

    def relaying() -> None:
        relay.turn()
        metrics.OUTBOX.set(outbox.waiting(db))

    return worker, relaying


def main() -> int:
    logs.start(NAME, os.environ.get("LOG_LEVEL", "INFO"))
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        log.error("not started", problem=str(error))
        return 1
    with ExitStack() as exits:
        worker, between = build(settings, SYSTEM_CLOCK, exits)
        exits.enter_context(status.page(settings.status_bind, live=worker.is_turning, ready=worker.is_assigned))
        log.info("started", lane=settings.lane)
        worker.run(until=asked_to_stop(), between=between)
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
