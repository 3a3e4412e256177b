"""Sales of every kind, put away as invoices are."""

from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from accounting_link.contracts.records import SaleImported
from accounting_link.contracts.words import SALES, Result
from accounting_link.testing.builders import (
    JULY,
    SCOPE,
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


def missing(told: Told) -> list[str]:
    return [outcome.xero_id for _, outcome in told if outcome.contact_missing]


@each_kind
def test_a_sale_names_its_contact_while_that_is_absent_or_left_out_as_a_supplier(sale: SaleImported) -> None:
    records = MemoryRecords()
    assert missing(comes(records, sale)) == [sale.xero_id]
    records = MemoryRecords()
    [(_, left_out)] = put_away(records, [a_copy(a_supplier("contact-1"))], JULY)
    assert left_out.as_supplier
    assert missing(comes(records, sale)) == [sale.xero_id]


def test_who_is_here_or_left_out_for_good_is_not_missed() -> None:
    for contact in (a_customer(), a_customer(name="")):
        records = MemoryRecords()
        [(_, told)] = put_away(records, [a_copy(contact)], JULY)
        assert not told.as_supplier
        assert missing(comes(records, an_invoice())) == []
    beside = put_away(MemoryRecords(), [a_copy(an_invoice()), a_copy(a_customer())], JULY)
    assert missing(beside) == []


def test_an_older_copy_of_a_sale_misses_its_contact_too() -> None:
    records = MemoryRecords()
    comes(records, an_invoice(updated_at=JULY + timedelta(days=1)))
    assert missing(comes(records, an_invoice(), reading=2)) == ["invoice-1"]


def test_the_customers_copy_that_was_asked_for_brings_a_supplier_in_and_stays_in_step() -> None:
    """Supplier left out first, then a sale; the control: without that copy it stays out."""
    records = MemoryRecords()
    put_away(records, [a_copy(a_supplier("contact-1"))], JULY)
    comes(records, an_invoice(), reading=2)
    assert not records.tables["companies"]
    asked_for = a_customer(
        "contact-1", name="Supplier contact-1", main_person=a_supplier().main_person, is_supplier=True
    )
    [(_, created)] = put_away(records, [a_copy(asked_for, 3)], JULY)
    assert created.result == Result.CREATED
    again = a_copy(a_supplier("contact-1"), 4, replace(SCOPE, sync_id="sync-2"))
    [(_, unchanged)] = put_away(records, [again], JULY)
    assert unchanged.result == Result.UNCHANGED
