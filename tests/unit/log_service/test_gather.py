"""From events to documents, and into transactions."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.messages import Delivery, Place, Received
from accounting_link.contracts import cloudevents
from accounting_link.contracts.cloudevents import Envelope
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.outcomes import Outcome, RecordsApplied
from accounting_link.contracts.requests import SyncStopRequested
from accounting_link.contracts.sync_life import SyncStarted
from accounting_link.contracts.words import Kind, Result
from accounting_link.testing.builders import JULY, SCOPE
from log_service.gather import gather, runs
from log_service.handlers import understood


def received(event: Event, scope: Scope = SCOPE) -> Received:
    return Received(place=Place("life", 0), offset=0, envelope=Envelope(event=event, scope=scope, id="1", time=JULY))


def applied(*ids: str, **more: Any) -> RecordsApplied:
    given: dict[str, Any] = {"result": Result.CREATED, "version": JULY, "reading": 1, "offset": 0, **more}
    outcomes = tuple(Outcome(kind=Kind.CONTACT, xero_id=one, **given) for one in ids)
    return RecordsApplied(topic="records", partition=0, outcomes=outcomes)


def test_a_record_told_twice_in_one_batch_is_one_row() -> None:
    found = gather([received(applied("a", "b")), received(applied("a", result=Result.UNCHANGED, reading=2))])
    assert {row["xero_id"]: row["result"] for row in found.outcomes.values()} == {"a": "created", "b": "created"}


def test_syncs_of_the_same_id_in_two_accounts_stay_two() -> None:
    other = msgspec.structs.replace(SCOPE, account_id="somebody-else")
    found = gather([received(SyncStarted(at=JULY)), received(SyncStarted(at=JULY), other)])
    assert len(found.syncs) == 2


def test_an_event_the_log_does_not_read_leaves_no_trace() -> None:
    stop = SyncStopRequested(tenant_id="t", authorisation=1, streams=(), reason="cancelled")
    assert not gather([received(stop)]).syncs


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 6))
def test_runs_keep_every_event_in_order_and_stay_within_the_bound(sizes: list[int], bound: int) -> None:
    events = [received(applied(*map(str, range(size)))) for size in sizes]
    cut = list(runs(events, bound))
    assert [one for run in cut for one in run] == events
    assert all(len(run) == 1 or len(outcomes_of(run)) <= bound for run in cut)


def outcomes_of(run: list[Received]) -> list[Outcome]:
    return [outcome for one in run if isinstance(one.event, RecordsApplied) for outcome in one.event.outcomes]


def test_a_life_event_that_names_no_sync_is_unreadable() -> None:
    message = cloudevents.encode(
        SyncStarted(at=JULY), msgspec.structs.replace(SCOPE, sync_id=""), source="/x", time=JULY
    )
    delivery = Delivery(place=Place("life", 0), offset=7, headers=message.headers, value=message.value)
    fine, unread = understood([delivery])
    assert (fine, [(one.delivery.offset, one.error.reason) for one in unread]) == ([], [(7, "ce_syncid is missing")])
