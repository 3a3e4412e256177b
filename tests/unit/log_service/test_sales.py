"""The sales log: what a sale is now, and how it came to be that."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.chassis.messages import Place, Received
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.cloudevents import Envelope
from accounting_link.contracts.outcomes import Outcome, RecordsApplied, Transaction
from accounting_link.contracts.words import Kind, Result
from accounting_link.testing.builders import JULY, SCOPE
from log_service.sales_log import csv as file
from log_service.sales_log import sales

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def a_sale(**more: Any) -> Transaction:
    given: dict[str, Any] = {
        "number": "INV-1",
        "contact_id": "contact-1",
        "status": "AUTHORISED",
        "currency": "NZD",
        "date": date(2026, 7, 1),
        "due_date": None,
        "total": Decimal("115.00"),
        "due": Decimal("115.00"),
    }
    return Transaction(**{**given, **more})


def rows(
    sale: Transaction | None,
    result: Result = Result.CREATED,
    version: datetime = JULY,
    reading: int = 1,
    sync_id: str = "sync-1",
    told: int = 0,
) -> list[Document]:
    outcome = Outcome(
        kind=Kind.INVOICE, xero_id="i", result=result, version=version, reading=reading, offset=0, transaction=sale
    )
    event = RecordsApplied(topic="records", partition=0, outcomes=(outcome,))
    scope = msgspec.structs.replace(SCOPE, sync_id=sync_id)
    envelope = Envelope(event=event, scope=scope, id="1", time=JULY + timedelta(minutes=told))
    return sales.rows(Received(place=Place("life", 0), offset=0, envelope=envelope), event)


def a_row(**more: Any) -> Document:
    sale = more.pop("sale", None) or a_sale()
    return rows(sale, **more)[0]


ROWS = st.builds(
    a_row,
    sale=st.builds(
        a_sale, due=st.sampled_from([Decimal(0), Decimal("115.00")]), status=st.sampled_from(["PAID", "VOIDED"])
    ),
    result=st.sampled_from([Result.CREATED, Result.UPDATED, Result.UNCHANGED]),
    version=st.sampled_from([JUNE, JULY]),
    reading=st.integers(1, 2),
    sync_id=st.sampled_from(["sync-1", "sync-2"]),
    told=st.integers(0, 3),
)


@given(st.lists(ROWS, min_size=1, max_size=6), st.data())
def test_no_order_and_no_repetition_changes_a_sale(known: list[Document], data: st.DataObject) -> None:
    again = data.draw(st.permutations(known + data.draw(st.lists(st.sampled_from(known), max_size=4))))
    assert reduce(sales.join, known) == reduce(sales.join, again)


@given(ROWS, ROWS, ROWS)
def test_no_cut_into_batches_changes_a_sale(one: Document, two: Document, three: Document) -> None:
    assert sales.join(sales.join(one, two), three) == sales.join(one, sales.join(two, three))


def test_an_older_copy_never_overwrites_a_newer_one() -> None:
    paid = a_row(sale=a_sale(status="PAID", due=Decimal(0)), result=Result.UPDATED, sync_id="sync-2", told=1)
    late = a_row(version=JUNE, reading=9, told=2)
    joined = sales.join(paid, late)
    assert (joined["status"], joined["due"], joined["changed"]["sync_id"]) == ("PAID", Decimal(0), "sync-2")


def test_a_sync_that_found_a_sale_unchanged_is_not_named_as_its_last_change() -> None:
    joined = sales.join(a_row(), a_row(result=Result.UNCHANGED, reading=2, sync_id="sync-2", told=9))
    assert (joined["first"]["sync_id"], joined["changed"]["sync_id"], joined["reading"]) == ("sync-1", "sync-1", 2)


def test_a_record_that_is_no_sale_makes_no_row() -> None:
    assert rows(None) == []


def test_a_sale_names_people_by_id_only() -> None:
    assert {name for name in a_row() if "name" in name or "email" in name} == set()


@pytest.mark.parametrize("number", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1"])
def test_a_number_that_a_spreadsheet_would_run_is_a_text_in_the_file(number: str) -> None:
    cell = next(csv.DictReader(file.lines([a_row(sale=a_sale(number=number))])))["number"]
    assert cell == f"'{number}"


def test_control_the_file_without_the_apostrophe_would_start_a_formula() -> None:
    assert a_row(sale=a_sale(number="=1+1"))["number"].startswith("=")


def test_amounts_in_the_file_are_plain_numbers_also_when_negative_or_large() -> None:
    sale = a_sale(total=Decimal("-1E+5"), due=Decimal("0.10"))
    line = next(csv.DictReader(file.lines([a_row(sale=sale)])))
    assert (line["total"], line["due"]) == ("-100000", "0.10")


def test_the_file_is_made_a_line_at_a_time() -> None:
    asked = []

    def endless() -> Any:
        while True:
            asked.append(1)
            yield a_row()

    lines = file.lines(endless())
    assert next(lines).startswith("date,number")
    assert next(lines).startswith("2026-07-01,INV-1")
    assert len(asked) == 1
