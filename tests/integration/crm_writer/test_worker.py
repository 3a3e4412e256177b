"""The worker as its own process, on the real parts."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from accounting_link.chassis import kafka, mongo
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Delivery, Outgoing, Publisher
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.exports import ContactExported
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.people import PersonActed
from accounting_link.contracts.records import Person
from accounting_link.contracts.removals import ImportsRemoved, RemovalRequested
from accounting_link.contracts.requests import ContactExportRequested
from accounting_link.contracts.sync_life import StreamEnded
from accounting_link.contracts.topics import CONNECTIONS, PEOPLE, RECORDS, REQUESTS, SYNC_LIFE, Group, Lane
from accounting_link.contracts.words import Act, Result, Stream
from accounting_link.testing.builders import SCOPE, a_customer, an_invoice
from crm_writer import contacts, exports, store
from crm_writer.settings import DATABASE
from tests.integration.crm_writer.conftest import records_of

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
SALES, MANY = 300, 1300
E = TypeVar("E", bound=Event)
ANA = Person(first_name="Ana", last_name="Ngata")


@pytest.fixture
def scope() -> Scope:
    """A connection and a sync of this test's own: the parts are shared."""
    mine = uuid.uuid4().hex
    return msgspec.structs.replace(SCOPE, account_id=mine, connection_id=mine, sync_id=mine)


@contextmanager
def worker(mongo_uri: str, brokers: str, more: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    env = {
        **os.environ,
        "MONGO_URI": mongo_uri,
        "KAFKA_BROKERS": brokers,
        "LANE": "bulk",
        "STATUS_BIND": "127.0.0.1:0",
        "KAFKA_SESSION_TIMEOUT": "3",
        **more,
    }
    process = subprocess.Popen([sys.executable, "-m", "crm_writer.main"], env=env, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def publish(brokers: str, scope: Scope, sales: int = SALES) -> set[int]:
    """A stream of sales and its marks; the partitions these lie on."""
    with kafka.transport(brokers) as transport:
        publisher = Publisher(transport, source="/test", clock=SYSTEM_CLOCK)
        sent = publisher.confirmed(
            Outgoing(event=an_invoice(str(n)), scope=scope, reading=n // 100) for n in range(sales)
        )
        places = {one.place for one in sent}
        mark = StreamEnded(stream=Stream.INVOICES, topic=RECORDS.name(), read=sales, calls=3, bytes=1, began_at=None)
        publisher.confirmed(Outgoing(event=mark, scope=scope, place=place) for place in places)
    return {place.partition for place in places}


def told_until_drained(brokers: str, scope: Scope, partitions: set[int]) -> list[RecordsApplied]:
    """All that the sync was told until each partition drained."""
    group = Group(name=f"test-{scope.sync_id}", topics=SYNC_LIFE.names())
    told: list[RecordsApplied] = []
    left, patience = set(partitions), SYSTEM_CLOCK.monotonic() + 120
    with kafka.consumer(brokers, group, session_timeout=timedelta(seconds=6), at_most=500) as consumer:
        while left and SYSTEM_CLOCK.monotonic() < patience:
            for event in filter(None, (_of(scope, one) for one in consumer.poll(500, timedelta(seconds=1)))):
                if isinstance(event, RecordsApplied):
                    told.append(event)
                elif isinstance(event, PartitionDrained):
                    left.discard(event.partition)
    assert not left
    return told


def _of(scope: Scope, delivery: Delivery) -> Event | None:
    # The broker is shared with other tests, some of which write what nobody can read.
    ours = ("ce_syncid", scope.sync_id.encode()) in delivery.headers
    return delivery.read().event if ours else None


def test_killed_between_the_write_and_the_telling_it_tells_all_the_same_after(
    mongo_uri: str, kafka_brokers: str, scope: Scope, tmp_path: Path
) -> None:
    fault = {"FAULT_POINT": "crm-writer:after-write:1", "FAULT_MARKER": str(tmp_path / "died")}
    partitions = publish(kafka_brokers, scope)

    with worker(mongo_uri, kafka_brokers, fault) as first:
        assert first.wait(120) == -9
    with mongo.database(mongo_uri, DATABASE) as db:
        written = db.transactions.count_documents({"account_id": scope.account_id})
    assert written > 0

    with worker(mongo_uri, kafka_brokers, fault):
        told = told_until_drained(kafka_brokers, scope, partitions)

    outcomes = [outcome for event in told for outcome in event.outcomes]
    assert {outcome.xero_id for outcome in outcomes} == {str(n) for n in range(SALES)}
    assert {outcome.result for outcome in outcomes} == {Result.CREATED}
    with mongo.database(mongo_uri, DATABASE) as db:
        assert db.transactions.count_documents({"account_id": scope.account_id}) == SALES


def test_a_removal_killed_in_the_middle_goes_on_and_counts_everything_once(
    mongo_uri: str, kafka_brokers: str, scope: Scope, tmp_path: Path
) -> None:
    of_us = {"account_id": scope.account_id}
    lived = msgspec.structs.replace(scope, authorisation=1)
    with worker(mongo_uri, kafka_brokers, {}):
        told_until_drained(kafka_brokers, lived, publish(kafka_brokers, lived, sales=MANY))
    asked = RemovalRequested(
        removal_id=scope.sync_id,
        authorisation=2,
        requested_by="ada",
        requested_by_name="Ada",
        requested_at=SYSTEM_CLOCK.now(),
    )
    with kafka.transport(kafka_brokers) as transport:
        # In the lane of the worker that the test runs; people's goes to the other, which writes the same document.
        Publisher(transport, source="/test", clock=SYSTEM_CLOCK).confirmed([Outgoing(event=asked, scope=lived)])
    fault = {"FAULT_POINT": "crm-writer:after-slice:2", "FAULT_MARKER": str(tmp_path / "died")}

    with worker(mongo_uri, kafka_brokers, fault) as first:
        assert first.wait(120) == -9
    with mongo.database(mongo_uri, DATABASE) as db:
        left = db.transactions.count_documents(of_us)
        assert 0 < left < MANY
    with worker(mongo_uri, kafka_brokers, fault):
        done = told(kafka_brokers, scope, CONNECTIONS.name(), ImportsRemoved)

    assert (done.records, done.numbers.sales) == (MANY, MANY)
    with mongo.database(mongo_uri, DATABASE) as db:
        assert db.transactions.count_documents(of_us) == db.xero_records.count_documents(of_us) == 0


def test_what_a_person_asks_of_xero_is_relayed_and_so_is_what_came_of_it(
    mongo_uri: str, kafka_brokers: str, scope: Scope
) -> None:
    of_us = {"account_id": scope.account_id}
    export = asked_over_http(mongo_uri, scope)
    with worker(mongo_uri, kafka_brokers, {"LANE": "interactive"}):
        request = told(kafka_brokers, scope, REQUESTS.name(Lane.INTERACTIVE), ContactExportRequested)
        assert (request.export_id, request.name) == (export["_id"], "Tea Ltd")
        contact = a_customer("new-1", name=request.name, main_person=ANA, contact_number=request.contact_number)
        answer = ContactExported(export_id=export["_id"], contact=contact)
        of_people = msgspec.structs.replace(scope, sync_id="", lane=Lane.INTERACTIVE, authorisation=1)
        with kafka.transport(kafka_brokers) as transport:
            publisher = Publisher(transport, source="/test", clock=SYSTEM_CLOCK)
            publisher.confirmed([Outgoing(event=answer, scope=of_people, reading=1)] * 2)
        act = told(kafka_brokers, scope, PEOPLE.name(), PersonActed)

    assert (act.act, act.by, act.details[0].value) == (Act.CREATED_IN_XERO, "kim", "new-1")
    with mongo.database(mongo_uri, DATABASE) as db:
        assert [one["state"] for one in db.exports.find(of_us)] == ["created"]
        assert [one["xero_contact_id"] for one in db.contacts.find(of_us)] == ["new-1"]
        assert db.links.count_documents(of_us) == 1
        assert db.outbox.count_documents({"aggregate": f"export/{export['_id']}"}) == 0


def asked_over_http(mongo_uri: str, scope: Scope) -> Document:
    """As the web service stores it."""
    kim = Caller(account_id=scope.account_id, user_id="kim", name="Kim", roles=frozenset())
    organisation = {"_id": scope.connection_id, "account_id": scope.account_id, "tenant_id": "t", "authorisation": 1}
    with mongo.database(mongo_uri, DATABASE) as db:
        store.prepare(db)
        db.organisations.insert_one(organisation)
        records = records_of(db)
        person = contacts.make(records, scope.account_id, msgspec.to_builtins(ANA), "Tea Ltd")
        return exports.ask(records, kim, scope.connection_id, person["_id"], SYSTEM_CLOCK.now(), "reference-1")


def told(brokers: str, scope: Scope, topic: str, kind: type[E]) -> E:
    """The first of this kind that is about the connection."""
    group = Group(name=f"test-{kind.__name__}-{scope.connection_id}", topics=(topic,))
    ours = ("ce_connectionid", scope.connection_id.encode())
    patience = SYSTEM_CLOCK.monotonic() + 120
    with kafka.consumer(brokers, group, session_timeout=timedelta(seconds=6), at_most=500) as consumer:
        while SYSTEM_CLOCK.monotonic() < patience:
            for delivery in consumer.poll(500, timedelta(seconds=1)):
                event = delivery.read().event if ours in delivery.headers else None
                if isinstance(event, kind):
                    return event
    raise AssertionError(f"no {kind.__name__} was told")
