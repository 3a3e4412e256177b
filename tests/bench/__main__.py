"""``python -m tests.bench``: all that is measured, as a table; JSON with JSON=1; on Apache Kafka with BROKER=kafka."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from accounting_link.chassis import logs, mongo, topics
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.testing.real_parts import RealParts
from deploy.local.run import Platform
from tests.bench import adapter, figures, pipeline, scaling, syncs, volume
from tests.bench.figures import Report


def main(env: Mapping[str, str]) -> int:
    began = SYSTEM_CLOCK.monotonic()
    broker, as_json = env.get("BROKER") or "embedded", env.get("JSON") == "1"
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as stdout:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # logs go elsewhere, children's too
        logs.start("bench", "ERROR")
        with parts(broker) as found:
            reports = [pipeline.run(found), adapter.run(found)]
        reports += [syncs.run(broker), scaling.run(broker), volume.run()]
        reports.append(Report(figures=[], notes=[f"Measured in {SYSTEM_CLOCK.monotonic() - began:.0f} s."]))
        figures.tell(reports, as_json, stdout)
    return 0


@contextmanager
def parts(broker: str) -> Iterator[RealParts]:
    """MongoDB and a broker of our own, with every topic made."""
    with tempfile.TemporaryDirectory() as folder, Platform(folder, broker, services=()) as platform:
        found = RealParts(platform.mongo_uri, platform.address("broker"), broker == "embedded")
        settings = topics.Settings(
            kafka_brokers=found.kafka_brokers, mongo_uri=found.mongo_uri, replication=1, embedded=found.embedded
        )
        with mongo.database(found.mongo_uri, topics.PLATFORM) as db:
            topics.prepare(settings, db)
        yield found


if __name__ == "__main__":
    sys.exit(main(os.environ))
