"""crm-writer with its order swapped: it commits a batch's offsets, then writes the batch. Dies in between where told.

Everything but the loop is the real worker's.
"""

import os
from contextlib import ExitStack

from accounting_link.chassis import kafka, mongo, status
from accounting_link.chassis.batch_worker import next_offsets
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.shutdown import asked_to_stop
from accounting_link.contracts.topics import CRM_WRITER
from crm_writer import store
from crm_writer.handlers import ApplyBatch
from crm_writer.settings import DATABASE, Settings
from crm_writer.sorting import sort

AT_MOST = 50  # in a batch: of an import some hold no end mark, however much has come together


def main() -> None:
    settings, faults = Settings.from_env(os.environ), FaultPoint.from_env(os.environ)
    stop = asked_to_stop()
    with ExitStack() as exits:
        db = exits.enter_context(mongo.database(settings.mongo_uri, DATABASE))
        transport = exits.enter_context(kafka.transport(settings.kafka_brokers))
        consumer = exits.enter_context(
            kafka.consumer(
                settings.kafka_brokers,
                CRM_WRITER[settings.lane],
                session_timeout=settings.session_timeout,
                at_most=AT_MOST,
            )
        )
        publisher = Publisher(transport, source="/crm-writer", clock=SYSTEM_CLOCK)
        dead = DeadLetters(publisher, consumer="crm-writer", clock=SYSTEM_CLOCK)
        apply = ApplyBatch(store.MongoRecords(db, publisher), publisher, dead, SYSTEM_CLOCK)
        exits.enter_context(
            status.page(settings.status_bind, live=lambda: True, ready=lambda: bool(consumer.assigned()))
        )
        while not stop.is_set():
            deliveries = consumer.poll(AT_MOST, settings.batch_wait)
            if deliveries:
                consumer.commit(next_offsets(deliveries))
                if not sort(deliveries).marks:  # without an end mark the sync would never end
                    faults.reach("broken:between")
                apply(deliveries)


if __name__ == "__main__":
    main()
