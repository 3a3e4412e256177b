"""log-service's worker: everything the services say, into logs that people read."""

import os
import sys
from contextlib import ExitStack

from accounting_link.chassis import kafka, logs, mongo, status
from accounting_link.chassis.batch_worker import BatchWorker
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.env import SettingsError
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.shutdown import asked_to_stop
from accounting_link.contracts.topics import LOG_SERVICE
from log_service import store
from log_service.handlers import KeepLog
from log_service.settings import Settings

log = logs.logger()
NAME, DATABASE = "log-service", "logs"


def build(settings: Settings, clock: Clock, exits: ExitStack) -> BatchWorker:
    """Every part of the worker and how the parts meet. To learn the service, start here."""
    db = exits.enter_context(mongo.database(settings.mongo_uri, DATABASE))
    store.prepare(db)
    transport = exits.enter_context(kafka.transport(settings.kafka_brokers))
    consumer = exits.enter_context(
        kafka.consumer(
            settings.kafka_brokers,
            LOG_SERVICE,
            session_timeout=settings.session_timeout,
            at_most=settings.batch_messages,
        )
    )
    dead = DeadLetters(Publisher(transport, source=f"/{NAME}", clock=clock), consumer=NAME, clock=clock)
    handle = KeepLog(db, dead, clock, settings.faults, transaction_outcomes=settings.transaction_outcomes)
    return BatchWorker(consumer, handle, at_most=settings.batch_messages, wait=settings.batch_wait, clock=clock)


def main() -> int:
    logs.start(NAME)
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        log.error("not started", problem=str(error))
        return 1
    logs.start(NAME, settings.log_level)
    stop = asked_to_stop()
    with ExitStack() as exits:
        worker = build(settings, SYSTEM_CLOCK, exits)
        exits.enter_context(status.page(settings.status_bind, live=worker.is_turning, ready=worker.is_assigned))
        log.info("started")
        worker.run(until=stop)
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
