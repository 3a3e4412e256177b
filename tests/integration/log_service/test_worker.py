"""log-service's worker on the real broker and the real MongoDB, killed between the write and the commit."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from accounting_link.chassis import kafka, mongo
from accounting_link.chassis.batch_worker import BatchWorker
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.lag import KafkaBroker, waiting
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.contracts.event import Scope
from accounting_link.contracts.outcomes import Outcome, RecordsApplied
from accounting_link.contracts.sync_life import SyncCompleted
from accounting_link.contracts.topics import LOG_SERVICE
from accounting_link.contracts.words import Kind, Result
from accounting_link.testing.builders import JULY
from log_service import queries
from log_service.main import DATABASE, build
from log_service.settings import Settings

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]


@pytest.fixture
def scope() -> Scope:
    return Scope(account_id=f"account-{uuid4()}", connection_id=f"connection-{uuid4()}", sync_id=str(uuid4()))


@pytest.fixture
def told(mongo_uri: str, kafka_brokers: str) -> dict[str, str]:
    return {
        "KAFKA_BROKERS": kafka_brokers,
        "MONGO_URI": mongo_uri,
        "STATUS_BIND": "127.0.0.1:0",
        "KAFKA_SESSION_TIMEOUT": "2",
    }


def tell(kafka_brokers: str, scope: Scope) -> None:
    outcomes = tuple(
        Outcome(kind=Kind.CONTACT, xero_id=f"c{number}", result=Result.CREATED, version=JULY, reading=1, offset=number)
        for number in range(300)
    )
    applied = RecordsApplied(topic="records", partition=0, outcomes=outcomes)
    with kafka.transport(kafka_brokers) as transport:
        publisher = Publisher(transport, source="/test", clock=SYSTEM_CLOCK)
        done = SyncCompleted(problems=False, ended_at=JULY)
        publisher.confirmed(Outgoing(event=event, scope=scope) for event in (applied, done))


@contextmanager
def a_worker(told: dict[str, str]) -> Iterator[BatchWorker]:
    with ExitStack() as exits:
        yield build(Settings.from_env(told), SYSTEM_CLOCK, exits)


def turn_until(worker: BatchWorker, is_done: Callable[[int], bool]) -> None:
    """``is_done`` is told the size of each batch."""
    deadline = SYSTEM_CLOCK.monotonic() + 120
    while not is_done(worker.turn()):
        assert SYSTEM_CLOCK.monotonic() < deadline, "the worker never got there"


def drain(told: dict[str, str]) -> None:
    """Past what other tests have left on the topics. The broker says so: a slow one may give nothing for a while."""
    broker = KafkaBroker(told["KAFKA_BROKERS"])

    def is_past(size: int) -> bool:
        return worker.is_assigned() and not size and not waiting(broker.look([LOG_SERVICE]), [LOG_SERVICE])

    with a_worker(told) as worker:
        turn_until(worker, is_past)
    broker.close()


def outcomes_joined() -> float:
    return REGISTRY.get_sample_value("log_service_outcomes_total") or 0


def test_a_worker_killed_between_write_and_commit_leaves_a_log_with_the_same_numbers(
    told: dict[str, str], kafka_brokers: str, mongo_uri: str, scope: Scope, tmp_path: Path
) -> None:
    drain(told)
    tell(kafka_brokers, scope)
    fault = {"FAULT_POINT": "log-service:after-write:1", "FAULT_MARKER": str(tmp_path / "reached")}
    killed = subprocess.run(
        [sys.executable, "-m", "log_service.main"], env={**os.environ, **told, **fault}, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL
    with mongo.database(mongo_uri, DATABASE) as db, a_worker(told) as worker:
        numbers = [{"kind": "contact", "result": "created", "reason": "", "count": 300}]
        assert queries.counts(db, scope.account_id, scope.sync_id) == numbers, "it died after the write"
        before = outcomes_joined()
        turn_until(worker, lambda _: outcomes_joined() - before >= 300)  # so all of them came a second time
        assert queries.counts(db, scope.account_id, scope.sync_id) == numbers
