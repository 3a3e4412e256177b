"""The real parts, once a run. BROKER=kafka runs every test that needs a broker on Apache Kafka."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pymongo import MongoClient
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from accounting_link.chassis import mongo, topics
from accounting_link.chassis.mongo import Db
from accounting_link.testing.real_parts import RealParts, real_parts
from deploy.local.run import Platform

HERE = Path(__file__).parent
BROKER = os.environ.get("BROKER") or "embedded"
# How long an example takes says something about what else this machine does, and nothing about what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Which tests one process plays, where two share them out: those that share what is slow to start."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        suite = file.split("/")[1]
        return suite if suite in ("faults", "e2e") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    return Together(config, log)


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealParts]:
    """MongoDB and a broker, shared by all tests: each uses names of its own in them."""

    with real_parts(lambda: local_parts(tmp_path_factory.mktemp("parts"))) as found:
        with MongoClient[dict[str, object]](found.mongo_uri) as client:
            # It goes by the real time, and would delete at any moment what a test's own clock has not outlived.
            client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
        yield found


@contextmanager
def local_parts(folder: Path) -> Iterator[RealParts]:
    with Platform(folder, BROKER, services=()) as platform:
        yield RealParts(platform.mongo_uri, platform.address("broker"), BROKER == "embedded")


def prepare_topics(parts: RealParts) -> None:
    settings = topics.Settings(
        kafka_brokers=parts.kafka_brokers, mongo_uri=parts.mongo_uri, replication=1, embedded=parts.embedded
    )
    with mongo.database(parts.mongo_uri, topics.PLATFORM) as db:
        topics.prepare(settings, db)


@pytest.fixture(scope="session")
def mongo_uri(parts: RealParts) -> str:
    return parts.mongo_uri


@pytest.fixture(scope="session")
def kafka_brokers(parts: RealParts) -> str:
    """With every topic of the table made."""
    prepare_topics(parts)
    return parts.kafka_brokers


@pytest.fixture
def db(mongo_uri: str) -> Iterator[Db]:
    """An empty database, for this test alone."""
    with mongo.database(mongo_uri, f"test-{uuid.uuid4().hex[:12]}") as made:
        yield made
        made.client.drop_database(made.name)
