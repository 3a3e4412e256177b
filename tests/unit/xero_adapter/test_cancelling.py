"""A stop takes hold within two seconds, however slow Xero is and however many wait for it."""

from datetime import timedelta

from accounting_link.chassis.messages import Outgoing
from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import RecordEvent
from accounting_link.contracts.requests import SyncStopRequested
from accounting_link.contracts.topics import RECORDS, Lane
from accounting_link.contracts.words import Stream
from tests.unit.xero_adapter.office import Office

SLOW = {"kind": "latency", "seconds": 10.0}  # each call
LONG = timedelta(minutes=10)


def busy(threads: int = 32) -> Office:
    """Twenty organisations are being read, and Xero answers none of them quickly."""
    office = Office(threads=threads)
    office.simulator.add_fault(SLOW)
    for number in range(20):
        office.ask(office.organisation(number))
    pass_time(office, 25)
    return office


def pass_time(office: Office, seconds: float) -> None:
    ends = office.clock.monotonic() + seconds
    office.clock.run(lambda: office.clock.monotonic() >= ends, LONG)


def stop(office: Office, tenant: str) -> float:
    """Seconds until every stream of its sync has ended."""
    sync, asked = f"sync {tenant}", office.clock.monotonic()
    event = SyncStopRequested(tenant_id=tenant, authorisation=1, streams=tuple(Stream), reason="cancelled by ada")
    scope = Scope(account_id="legrand", connection_id=tenant, sync_id=sync)
    office.publisher.confirmed([Outgoing(event=event, scope=scope)])

    def all_ended() -> bool:
        office.listen()
        return office.ended.get(sync, {}).keys() == {*Stream}

    office.clock.run(all_ended, LONG)
    return office.clock.monotonic() - asked


def records(office: Office, tenant: str) -> int:
    found = office.broker.log(RECORDS.name(Lane.BULK))
    return sum(isinstance(one.event, RecordEvent) and one.scope.connection_id == tenant for one in found)


def test_a_stop_ends_every_stream_within_two_seconds_and_what_xero_answers_later_is_dropped() -> None:
    office = busy()
    tenant = next(iter(office.simulator.organisations))
    assert stop(office, tenant) < 2
    known = records(office, tenant)
    pass_time(office, 30)
    assert records(office, tenant) == known


def test_control_where_no_thread_is_kept_for_it_a_stop_waits_for_xero() -> None:
    office = busy(threads=3)
    assert stop(office, next(iter(office.simulator.organisations))) > 2


def test_control_without_a_stop_what_xero_answers_later_is_told() -> None:
    office = busy()
    tenant = next(iter(office.simulator.organisations))
    known = records(office, tenant)
    pass_time(office, 30)
    assert records(office, tenant) > known
