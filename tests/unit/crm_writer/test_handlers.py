"""The worker's batch: from the broker's messages to the outcomes that are told, on twins."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec
import pytest

from accounting_link.chassis.batch_worker import BatchWorker
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.messages import LARGEST_VALUE_BYTES, Consumer, Delivery, Outgoing, Place, Publisher, Sent
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.organisations import OrganisationRead
from accounting_link.contracts.outcomes import PartitionDrained, RecordsApplied
from accounting_link.contracts.records import InvoiceLine, RecordUnreadable
from accounting_link.contracts.sync_life import PageFetched, StreamEnded
from accounting_link.contracts.topics import CRM_WRITER, DEAD_LETTERS, RECORDS, SYNC_LIFE, Lane
from accounting_link.contracts.words import Kind, Result, Stream
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import JULY, SCOPE, a_credit_note, a_customer, an_allocation, an_invoice
from accounting_link.testing.clock import FakeClock
from crm_writer.handlers import ApplyBatch
from crm_writer.memory import MemoryRecords

GROUP = CRM_WRITER[Lane.BULK]
HERE = Place(RECORDS.name(), 3)
E = TypeVar("E", bound=Event)


class BrokerDown(Exception):
    """What a broker that does not answer raises."""


class Crm:
    """The worker between a broker and a store, all in memory."""

    def __init__(self) -> None:
        self.clock, self.broker, self.records = FakeClock(), MemoryBroker(), MemoryRecords()
        self.consumer: Consumer = self.broker.consumer(GROUP)
        self.publisher = Publisher(self.broker, source="/test", clock=self.clock)

    def given(self, *events: Event, scope: Scope = SCOPE, place: Place | None = HERE, reading: int = 1) -> None:
        self.publisher.confirmed(Outgoing(event=event, scope=scope, place=place, reading=reading) for event in events)

    def garbled(self, event: Event) -> None:
        message = self.publisher.message(Outgoing(event=event, scope=SCOPE, place=HERE, reading=5))
        self.broker.deliver([with_value(message, b"{")])

    def apply(self) -> ApplyBatch:
        dead = DeadLetters(self.publisher, consumer="crm-writer", clock=self.clock)
        return ApplyBatch(self.records, self.publisher, dead, self.clock)

    def works(self, handle: Callable[[Sequence[Delivery]], None] | None = None) -> int:
        worker = BatchWorker(
            self.consumer, handle or self.apply(), at_most=5000, wait=timedelta(0), clock=self.clock
        )  # fmt: skip
        return worker.turn()

    def restarts(self) -> None:
        self.consumer.close()
        self.consumer = self.broker.consumer(GROUP)

    def told(self, kind: type[E]) -> list[tuple[Scope, E]]:
        log = self.broker.log(SYNC_LIFE.name())
        return [(one.scope, one.event) for one in log if isinstance(one.event, kind)]

    def results(self) -> dict[str, Result]:
        return {o.xero_id: o.result for _, event in self.told(RecordsApplied) for o in event.outcomes}

    def dead(self) -> list[str]:
        return [one.event.reason for one in self.broker.log(DEAD_LETTERS.name())]  # type: ignore[attr-defined]

    def sales(self) -> int:
        return len(self.records.tables["transactions"])


def with_value(message: Message, value: bytes) -> Message:
    return Message(topic=message.topic, key=message.key, headers=message.headers, value=value, partition=HERE.partition)


@pytest.fixture
def crm() -> Crm:
    return Crm()


def ended(stream: Stream = Stream.INVOICES) -> StreamEnded:
    return StreamEnded(stream=stream, topic=RECORDS.name(), read=1, calls=1, bytes=1, began_at=None)


def test_each_record_gets_one_outcome_with_what_the_sale_now_is(crm: Crm) -> None:
    crm.given(an_invoice("a", due="20.00"), a_customer(name=""), reading=2)
    crm.given(an_invoice("a", due="10.00"), reading=1)
    crm.works()
    [(_, applied)] = crm.told(RecordsApplied)
    by_id = {outcome.xero_id: outcome for outcome in applied.outcomes}
    assert {id_: outcome.result for id_, outcome in by_id.items()} == {
        "a": Result.CREATED,
        "contact-1": Result.LEFT_OUT,
    }
    assert by_id["a"].offset == 2
    assert by_id["a"].transaction is not None
    assert by_id["a"].transaction.due == Decimal("20.00")


def test_a_mark_is_answered_after_every_outcome_of_its_batch(crm: Crm) -> None:
    crm.given(an_invoice("a"), ended(), an_invoice("b"))
    crm.works()
    log = [type(one.event) for one in crm.broker.log(SYNC_LIFE.name())]
    assert log == [RecordsApplied, PartitionDrained]
    [(scope, drained)] = crm.told(PartitionDrained)
    assert drained == PartitionDrained(stream=Stream.INVOICES, topic=HERE.topic, partition=3, offset=1)
    assert scope == SCOPE


def test_outcomes_are_told_per_attempt_and_ask_and_partition(crm: Crm) -> None:
    again = msgspec.structs.replace(SCOPE, attempt=2, ask=5)
    crm.given(an_invoice("a"), place=Place(RECORDS.name(), 1))
    crm.given(an_invoice("b"), place=Place(RECORDS.name(), 2))
    crm.given(an_invoice("c"), scope=again, place=Place(RECORDS.name(), 2))
    crm.works()
    told = {(scope.attempt, scope.ask, event.partition) for scope, event in crm.told(RecordsApplied)}
    assert told == {(1, 1, 1), (1, 1, 2), (2, 5, 2)}


def test_what_is_told_is_cut_to_what_the_broker_takes(crm: Crm) -> None:
    crm.given(*(an_invoice(str(n), number="N" * 2_000) for n in range(1_000)))
    crm.works()
    sizes = [len(msgspec.json.encode(event)) for _, event in crm.told(RecordsApplied)]
    assert len(sizes) > 1
    assert max(sizes) < LARGEST_VALUE_BYTES
    assert len(crm.results()) == 1_000


def test_a_value_nobody_can_read_becomes_one_dead_letter_and_one_failed_outcome(crm: Crm) -> None:
    crm.garbled(an_invoice("bad"))
    crm.given(an_invoice("good"))
    crm.works()
    assert crm.results() == {"bad": Result.FAILED, "good": Result.CREATED}
    assert len(crm.dead()) == 1


def test_an_unreadable_copy_of_what_stands_newer_fails_nothing(crm: Crm) -> None:
    crm.given(an_invoice("a"), reading=9)
    crm.garbled(an_invoice("a"))
    crm.works()
    assert crm.results() == {"a": Result.CREATED}


def test_a_record_xero_garbled_is_told_as_failed_with_the_reason(crm: Crm) -> None:
    crm.given(RecordUnreadable(xero_id="a", kind=Kind.INVOICE, reason="no total"))
    crm.works()
    [(_, applied)] = crm.told(RecordsApplied)
    assert [(o.result, o.reason, o.version, o.reading) for o in applied.outcomes] == [
        (Result.FAILED, "no total", None, 0)
    ]
    assert crm.dead() == []  # the adapter kept the original


@pytest.mark.parametrize("amount", ["NaN", "1" * 40, "1E+9999"])
def test_an_amount_that_cannot_be_kept_fails_alone(crm: Crm, amount: str) -> None:
    line = InvoiceLine(amount=Decimal(amount))
    whole = {"total": Decimal(amount)} if amount == "NaN" else {"lines": (line,)}
    crm.given(msgspec.structs.replace(an_invoice("bad"), **whole), an_invoice("good"))
    crm.works()
    assert crm.results() == {"bad": Result.FAILED, "good": Result.CREATED}
    assert len(crm.dead()) == 1


def test_a_credit_whose_allocation_is_no_number_fails_alone(crm: Crm) -> None:
    crm.given(a_credit_note("bad", remaining=Decimal(0), allocations=(an_allocation(amount="NaN"),)), a_credit_note())
    crm.works()
    assert crm.results() == {"bad": Result.FAILED, "credit-1": Result.CREATED}


def an_organisation(name: str) -> OrganisationRead:
    return OrganisationRead(
        tenant_id="t", name=name, short_code="!x", base_currency="NZD", country="NZ", time_zone="", read_at=JULY
    )


@pytest.mark.parametrize("readings", [(1, 2), (2, 1)])
def test_of_an_organisation_what_was_asked_for_last_is_kept(crm: Crm, readings: tuple[int, int]) -> None:
    for reading in readings:
        crm.given(an_organisation(f"asked {reading}"), reading=reading)
        crm.works()
    [kept] = crm.records.tables["organisations"].values()
    assert (kept["_id"], kept["account_id"], kept["name"]) == ("kiwi", "legrand", "asked 2")
    assert (crm.results(), crm.dead()) == ({}, [])


def test_an_event_that_is_no_record_is_set_aside(crm: Crm) -> None:
    crm.given(PageFetched(stream=Stream.INVOICES, pages=1, read=1, expected=1, calls=1, bytes=1))
    crm.works()
    assert crm.dead() == ["PageFetched does not belong among the records"]
    assert crm.results() == {}


class Refusing:
    """A broker that acknowledges nothing."""

    def deliver(self, messages: Sequence[Message]) -> list[Sent]:
        raise BrokerDown


def test_nothing_is_committed_when_the_outcomes_are_not_acknowledged(crm: Crm) -> None:
    publisher = Publisher(Refusing(), source="/test", clock=crm.clock)
    dead = DeadLetters(publisher, consumer="crm-writer", clock=crm.clock)
    crm.given(an_invoice("a"))
    with pytest.raises(BrokerDown):
        crm.works(ApplyBatch(crm.records, publisher, dead, crm.clock))
    assert crm.broker.lag(GROUP) == 1
    crm.restarts()
    crm.works()
    assert crm.results() == {"a": Result.CREATED}
    assert crm.broker.lag(GROUP) == 0


class Crash(Exception):
    """The process is gone."""


def test_a_crash_between_reading_and_writing_loses_nothing(crm: Crm) -> None:
    def crashes(_: Sequence[Delivery]) -> None:
        raise Crash

    crm.given(an_invoice("a"))
    with pytest.raises(Crash):
        crm.works(crashes)
    crm.restarts()
    crm.works()
    assert crm.sales() == 1


def test_control_committing_before_writing_loses_the_record(crm: Crm) -> None:
    crm.given(an_invoice("a"))
    deliveries = crm.consumer.poll(10, timedelta(0))
    crm.consumer.commit({deliveries[0].place: deliveries[0].offset + 1})  # and crash before writing
    crm.restarts()
    crm.works()
    assert crm.sales() == 0


def test_a_batch_written_but_not_told_is_told_the_same_when_it_comes_again(crm: Crm) -> None:
    crm.given(an_invoice("a"), a_customer(), a_customer("nameless", name=""), ended())
    silent = MemoryBroker()
    publisher = Publisher(silent, source="/test", clock=crm.clock)
    dead = DeadLetters(publisher, consumer="crm-writer", clock=crm.clock)

    def crashes_after_writing(deliveries: Sequence[Delivery]) -> None:
        ApplyBatch(crm.records, publisher, dead, crm.clock)(deliveries)
        raise Crash

    with pytest.raises(Crash):
        crm.works(crashes_after_writing)
    crm.restarts()
    crm.clock.advance(timedelta(minutes=5))
    crm.works()
    [would_have_told] = [one.event for one in silent.log(SYNC_LIFE.name()) if isinstance(one.event, RecordsApplied)]
    [(_, told)] = crm.told(RecordsApplied)
    assert told == would_have_told
    assert len(crm.told(PartitionDrained)) == 1


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_reading", "²".encode()),
        ("ce_reading", b"9" * 5000),
        ("ce_reading", b"%d" % 2**70),
        ("ce_attempt", b"%d" % 2**70),
        ("ce_syncid", b"a\0b"),
        ("ce_time", b"2026-07-01"),
    ],
    ids=[
        "a digit that is no number",
        "5,000 digits",
        "a number that no database holds",
        "an attempt like it",
        "a zero byte",
        "no zone",
    ],
)
def test_an_odd_header_costs_no_other_message_and_its_own_is_kept_or_set_aside(
    crm: Crm, header: str, value: bytes
) -> None:
    message = crm.publisher.message(Outgoing(event=an_invoice("odd"), scope=SCOPE, place=HERE, reading=5))
    headers = [(name, value if name == header else said) for name, said in message.headers]
    crm.broker.deliver([replace(message, headers=headers)])
    crm.given(an_invoice("good"))
    crm.works()

    assert crm.results()["good"] == Result.CREATED
    assert "odd" in crm.results() or len(crm.dead()) == 1


def test_a_time_without_a_zone_is_set_aside(crm: Crm) -> None:
    message = crm.publisher.message(Outgoing(event=an_invoice("odd"), scope=SCOPE, place=HERE, reading=5))
    zoneless = message.value.replace(b'"2026-07-01T08:00:00Z"', b'"2026-07-01T08:00:00"')
    assert zoneless != message.value
    crm.broker.deliver([with_value(message, zoneless)])
    crm.works()

    assert len(crm.dead()) == 1
    assert crm.results() == {"odd": Result.FAILED}
