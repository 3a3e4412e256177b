"""Sales of every kind, put away as invoices are."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from accounting_link.contracts.records import SaleImported
from accounting_link.contracts.words import SALES, Result
from accounting_link.testing.builders import (
    JULY,
    a_credit_note,
    a_customer,
    a_payment,
    a_prepayment,
    a_supplier,
    an_allocation,
    an_invoice,
    an_overpayment,
)
from crm_writer.memory import MemoryRecords
from crm_writer.putting_away import Told, put_away
from tests.suites.record_store import a_copy

EACH = (an_invoice(), a_credit_note(), an_overpayment(), a_prepayment(), a_payment())
each_kind = pytest.mark.parametrize("sale", EACH, ids=lambda sale: sale.record_kind())


def comes(records: MemoryRecords, *events: SaleImported, reading: int = 1) -> Told:
    return put_away(records, [a_copy(event, reading) for event in events], JULY)


def test_the_kinds_tried_here_are_all_there_are() -> None:
    assert {sale.record_kind() for sale in EACH} == set(SALES)


@each_kind
def test_a_sale_is_imported_also_when_its_contact_is_not_here(sale: SaleImported) -> None:
    records = MemoryRecords()
    [(_, outcome)] = comes(records, sale)
    assert outcome.result == Result.CREATED
    [kept] = records.tables["transactions"].values()
    assert (kept["kind"], kept["xero"]["contact_id"], kept["xero"]["total"]) == (
        sale.record_kind(),
        "contact-1",
        sale.total,
    )


@each_kind
def test_of_two_copies_the_newer_stands_in_whichever_order_they_come(sale: SaleImported) -> None:
    newer = replace(sale, status="VOIDED")
    for first, second in (((sale, 1), (newer, 2)), ((newer, 2), (sale, 1))):
        records = MemoryRecords()
        comes(records, first[0], reading=first[1])
        [(_, outcome)] = comes(records, second[0], reading=second[1])
        assert outcome.transaction is not None
        assert outcome.transaction.status == "VOIDED"
        [kept] = records.tables["transactions"].values()
        assert kept["xero"]["status"] == "VOIDED"


@each_kind
def test_the_same_again_is_unchanged_and_a_cent_less_is_not(sale: SaleImported) -> None:
    records = MemoryRecords()
    comes(records, sale)
    other = replace(sale, total=sale.total - Decimal("0.01"), updated_at=JULY + timedelta(seconds=1))
    comes(records, sale, reading=2)
    before = dict(records.tables["xero_records"])
    comes(records, other, reading=3)
    assert [one["digest"] for one in before.values()] != [
        one["digest"] for one in records.tables["xero_records"].values()
    ]


def test_an_outcome_tells_what_is_owed_and_what_is_left() -> None:
    told = comes(MemoryRecords(), an_invoice(due="5.00"), a_credit_note(allocations=(an_allocation(),)), a_payment())
    left = [(sale.due, sale.remaining) for _, outcome in told if (sale := outcome.transaction)]
    assert left == [(Decimal("5.00"), 0), (0, Decimal("6.00")), (0, 0)]


@each_kind
def test_a_supplier_with_a_sale_of_any_kind_is_a_customer(sale: SaleImported) -> None:
    records = MemoryRecords()
    comes(records, sale)
    [(_, outcome)] = put_away(records, [a_copy(a_supplier("contact-1"))], JULY)
    assert outcome.result == Result.CREATED


def test_control_without_a_sale_that_supplier_is_left_out() -> None:
    records = MemoryRecords()
    put_away(records, [a_copy(a_customer("another"))], JULY)
    [(_, outcome)] = put_away(records, [a_copy(a_supplier("contact-1"))], JULY)
    assert outcome.result == Result.LEFT_OUT
