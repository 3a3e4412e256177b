"""One outcome a record a sync: the rule, and that nothing about its telling can change it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.messages import Place, Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.cloudevents import Envelope
from accounting_link.contracts.outcomes import Outcome, RecordsApplied
from accounting_link.contracts.words import Kind, Result
from accounting_link.testing.builders import JULY, SCOPE
from log_service.sync_log import outcomes

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def a_row(result: Result, version: datetime | None = JULY, reading: int = 1, **more: Any) -> Document:
    given = {"reason": "because" if result in (Result.LEFT_OUT, Result.FAILED) else "", "offset": 0, **more}
    outcome = Outcome(kind=Kind.CONTACT, xero_id="c", result=result, version=version, reading=reading, **given)
    event = RecordsApplied(topic="records", partition=0, outcomes=(outcome,))
    envelope = Envelope(event=event, scope=SCOPE, id="1", time=JULY)
    return outcomes.rows(Received(place=Place("life", 0), offset=0, envelope=envelope), event)[0]


ROWS = st.builds(
    a_row,
    st.sampled_from(list(Result)),
    st.sampled_from([None, JUNE, JULY]),
    st.integers(0, 2),
    offset=st.integers(0, 2),
    reason=st.sampled_from(["", "no last name", "too large"]),
)


def order_matters(join: Callable[[Document, Document], Document], rows: list[Document], other: list[Document]) -> bool:
    return reduce(join, rows) != reduce(join, other)


@given(st.lists(ROWS, min_size=1, max_size=6), st.data())
def test_no_order_and_no_repetition_of_copies_changes_the_row(rows: list[Document], data: st.DataObject) -> None:
    again = data.draw(st.permutations(rows + data.draw(st.lists(st.sampled_from(rows), max_size=4))))
    assert not order_matters(outcomes.join, rows, again)


@given(ROWS, ROWS, ROWS)
def test_no_cut_into_batches_changes_the_row(one: Document, two: Document, three: Document) -> None:
    join = outcomes.join
    assert join(join(one, two), three) == join(one, join(two, three))


def test_control_taking_the_last_copy_told_does_depend_on_the_order() -> None:
    rows = [a_row(Result.CREATED), a_row(Result.UNCHANGED, reading=2)]
    assert order_matters(lambda _, last: last, rows, rows[::-1])


def test_control_joining_shown_results_alone_depends_on_the_cut() -> None:
    """Why a row remembers its best result while it shows a failure: a newer copy may be imported after all."""

    def forgetful(one: Document, other: Document) -> Document:
        joined = outcomes.join(one, other)
        return {**joined, "best": joined["result"] if joined["standing"] == "imported" else None}

    created, failed, fine = (
        a_row(Result.CREATED),
        a_row(Result.FAILED, reading=2),
        a_row(Result.UPDATED, reading=3),
    )
    assert forgetful(forgetful(created, failed), fine) != forgetful(created, forgetful(failed, fine))


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([a_row(Result.UNCHANGED), a_row(Result.UPDATED)], "updated"),
        ([a_row(Result.UPDATED, reading=2), a_row(Result.CREATED)], "created"),
        ([a_row(Result.CREATED), a_row(Result.LEFT_OUT, reading=2)], "left_out"),
        ([a_row(Result.LEFT_OUT), a_row(Result.UPDATED, reading=2)], "updated"),
        ([a_row(Result.FAILED, JUNE, 9), a_row(Result.UNCHANGED, JULY, 1)], "unchanged"),
        ([a_row(Result.CREATED), a_row(Result.FAILED)], "failed"),
        ([a_row(Result.FAILED, None, 0), a_row(Result.CREATED)], "created"),
        ([a_row(Result.LEFT_OUT), a_row(Result.FAILED)], "failed"),
    ],
)
def test_the_newest_copy_decides_whether_and_the_best_how(rows: list[Document], shown: str) -> None:
    assert reduce(outcomes.join, rows)["result"] == shown


def test_the_reason_is_that_of_the_newest_copy() -> None:
    rows = [a_row(Result.LEFT_OUT, reason="no last name"), a_row(Result.LEFT_OUT, reading=2, reason="no name")]
    assert reduce(outcomes.join, rows)["reason"] == "no name"


def test_a_sync_of_another_account_makes_another_row() -> None:
    assert a_row(Result.CREATED)["_id"].startswith(f"{SCOPE.account_id}/{SCOPE.sync_id}/")
