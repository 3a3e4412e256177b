"""Credit notes, payments, overpayments and prepayments as Xero's document gives them in its examples → events."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from accounting_link.contracts.records import (
    Allocation,
    CreditImported,
    PaymentImported,
    RecordEvent,
    VersionedRecord,
)
from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.words import KIND_OF, Kind, Stream
from xero_adapter.planning import cursor as cursors
from xero_adapter.xero import reading
from xero_adapter.xero.client import Answer
from xero_adapter.xero.reading import Read
from xero_adapter.xero.refusals import Unavailable

UPDATED = "/Date(1541176592690+0000)/"
CREDITS = (Stream.CREDIT_NOTES, Stream.OVERPAYMENTS, Stream.PREPAYMENTS)
OURS = {
    Stream.CREDIT_NOTES: ("CreditNotes", "CreditNoteID", ("ACCRECCREDIT",)),
    Stream.OVERPAYMENTS: ("Overpayments", "OverpaymentID", ("RECEIVE-OVERPAYMENT", "AROVERPAYMENT")),
    Stream.PREPAYMENTS: ("Prepayments", "PrepaymentID", ("RECEIVE-PREPAYMENT", "ARPREPAYMENT")),
}
PURCHASES = {
    Stream.CREDIT_NOTES: ("ACCPAYCREDIT",),
    Stream.OVERPAYMENTS: ("SPEND-OVERPAYMENT",),
    Stream.PREPAYMENTS: ("SPEND-PREPAYMENT", "APPREPAYMENT"),
}
PAYMENTS = {
    "ACCRECPAYMENT": Kind.INVOICE,
    "ARCREDITPAYMENT": Kind.CREDIT_NOTE,
    "AROVERPAYMENTPAYMENT": Kind.OVERPAYMENT,
    "ARPREPAYMENTPAYMENT": Kind.PREPAYMENT,
}


def a_credit(stream: Stream, **more: Any) -> dict[str, Any]:
    _, id_field, types = OURS[stream]
    return {
        id_field: "c-1",
        "Type": types[0],
        "Reference": "Deposit",
        "RemainingCredit": 20.00,
        "Allocations": [],
        "Payments": [],
        "Contact": {"ContactID": "luke", "Name": "Luke Skywalker"},
        "DateString": "2019-03-13T00:00:00",
        "Date": "/Date(1552435200000+0000)/",
        "Status": "AUTHORISED",
        "LineItems": [{"Description": "Hats", "LineAmount": 100.00}],
        "SubTotal": 100.00,
        "TotalTax": 15.00,
        "Total": 115.00,
        "UpdatedDateUTC": UPDATED,
        "CurrencyCode": "NZD",
        **more,
    }


def a_payment(type_: str = "ACCRECPAYMENT", **more: Any) -> dict[str, Any]:
    """As the example of Payments has it: what is paid is shown as an Invoice, whatever it is."""
    paid = {"InvoiceID": "i-1", "InvoiceNumber": "INV-1", "Contact": {"ContactID": "luke"}, "CurrencyCode": "NZD"}
    return {
        "PaymentID": "p-1",
        "Date": "/Date(1543449600000+0000)/",
        "BankAmount": 46.00,
        "Amount": 46.00,
        "Reference": "",
        "CurrencyRate": 1.000000,
        "PaymentType": type_,
        "Status": "AUTHORISED",
        "UpdatedDateUTC": UPDATED,
        "IsReconciled": False,
        "Invoice": paid,
        **more,
    }


def page(stream: Stream, *records: dict[str, Any]) -> Read:
    name = "Payments" if stream == Stream.PAYMENTS else OURS[stream][0]
    pagination = {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": len(records)}
    body = json.dumps({"pagination": pagination, name: list(records)}).encode()
    return reading.read(stream, Answer(status=200, headers={}, body=body, egress=1), SyncSettings())


def the_credit(stream: Stream, **more: Any) -> CreditImported:
    [event] = page(stream, a_credit(stream, **more)).records
    assert isinstance(event, CreditImported)
    return event


def the_payment(type_: str = "ACCRECPAYMENT", **more: Any) -> PaymentImported:
    [event] = page(Stream.PAYMENTS, a_payment(type_, **more)).records
    assert isinstance(event, PaymentImported)
    return event


@pytest.mark.parametrize("stream", CREDITS)
def test_a_credit_says_whose_it_is_what_is_left_and_where_the_rest_went(stream: Stream) -> None:
    used = {
        "AllocationID": "a-1",
        "Invoice": {"InvoiceID": "i-1", "InvoiceNumber": "INV-1"},
        "Amount": 95.00,
        "Date": "/Date(1552521600000+0000)/",
    }
    credit = the_credit(stream, Allocations=[used])
    assert credit.record_kind() == KIND_OF[stream]
    assert (credit.contact_id, credit.currency, credit.status) == ("luke", "NZD", "AUTHORISED")
    assert (credit.total, credit.remaining, credit.date) == (Decimal("115.0"), Decimal("20.0"), date(2019, 3, 13))
    assert credit.updated_at == datetime(2018, 11, 2, 16, 36, 32, 690000, tzinfo=UTC)
    assert credit.allocations == (
        Allocation(
            id="a-1", invoice_id="i-1", invoice_number="INV-1", amount=Decimal("95.0"), date=date(2019, 3, 14)
        ),
    )  # fmt: skip
    assert [line.description for line in credit.lines] == ["Hats"]


@pytest.mark.parametrize("stream", CREDITS)
def test_a_credit_of_a_purchase_is_never_told_and_a_customers_is_in_each_of_xeros_words(stream: Stream) -> None:
    ours = [a_credit(stream, Type=word, **{OURS[stream][1]: word}) for word in OURS[stream][2]]
    theirs = [a_credit(stream, Type=word) for word in PURCHASES[stream]]
    found = page(stream, *theirs, *ours)
    assert [event.xero_id for event in found.records] == list(OURS[stream][2])
    assert found.unreadable == []


@pytest.mark.parametrize("type_", PAYMENTS)
def test_a_payment_says_what_it_pays_and_for_whom(type_: str) -> None:
    payment = the_payment(type_)
    assert (payment.pays_kind, payment.pays_id) == (PAYMENTS[type_], "i-1")
    assert (payment.number, payment.contact_id, payment.currency) == ("INV-1", "luke", "NZD")
    assert (payment.total, payment.date) == (Decimal("46.0"), date(2018, 11, 29))


@pytest.mark.parametrize(
    ("type_", "field", "id_field"),
    [
        ("ARCREDITPAYMENT", "CreditNote", "CreditNoteID"),
        ("AROVERPAYMENTPAYMENT", "Overpayment", "OverpaymentID"),
        ("ARPREPAYMENTPAYMENT", "Prepayment", "PrepaymentID"),
    ],
)
def test_a_refund_is_understood_also_where_xero_names_what_it_pays_back_by_its_own_kind(
    type_: str, field: str, id_field: str
) -> None:
    named = {id_field: "c-9", "Contact": {"ContactID": "leia"}}
    payment = the_payment(type_, Invoice=None, **{field: named})
    assert (payment.pays_kind, payment.pays_id, payment.contact_id) == (PAYMENTS[type_], "c-9", "leia")


@pytest.mark.parametrize("type_", ["ACCPAYPAYMENT", "APCREDITPAYMENT", "APOVERPAYMENTPAYMENT", "APPREPAYMENTPAYMENT"])
def test_what_is_paid_for_purchases_is_never_told(type_: str) -> None:
    assert page(Stream.PAYMENTS, a_payment(type_)) == page(Stream.PAYMENTS, a_payment(type_, PaymentID="another"))
    assert page(Stream.PAYMENTS, a_payment(type_)).records == []


def test_a_page_of_nothing_but_purchases_still_moves_the_mark() -> None:
    """Or the rest of a long list would be read by id from the beginning."""
    found = page(Stream.PAYMENTS, a_payment("ACCPAYPAYMENT"))
    assert found.page.last_updated == datetime(2018, 11, 2, 16, 36, 32, 690000, tzinfo=UTC)


def test_a_payment_that_does_not_say_what_it_pays_is_told_as_unreadable() -> None:
    found = page(Stream.PAYMENTS, a_payment(Invoice=None), a_payment(PaymentID="good"))
    assert [event.xero_id for event in found.records] == ["good"]
    [(odd, _)] = found.unreadable
    assert (odd.xero_id, odd.kind) == ("p-1", Kind.PAYMENT)


def test_what_is_left_is_worked_out_where_xero_does_not_say() -> None:
    used = {"Invoice": {"InvoiceID": "i-1"}, "Amount": 5.00}
    undone = {**used, "IsDeleted": True}
    credit = the_credit(
        Stream.CREDIT_NOTES, RemainingCredit=None, Allocations=[used, undone], Payments=[{"Amount": 10.00}]
    )
    assert credit.remaining == Decimal("100.0")
    assert len(credit.allocations) == 1


@pytest.mark.parametrize("stream", Stream)
def test_each_list_is_asked_for_in_the_order_of_change_by_no_filter_that_a_record_can_leave(stream: Stream) -> None:
    call = reading.call(stream, cursors.begin(None))
    assert call.query["order"] == "UpdatedDateUTC"
    assert call.query.get("where", "").partition("==")[0] in ("", "Type")


def test_control_an_answer_without_the_list_that_was_asked_for_is_no_page() -> None:
    with pytest.raises(Unavailable):
        reading.read(
            Stream.PAYMENTS, Answer(status=200, headers={}, body=b'{"Invoices": []}', egress=1), SyncSettings()
        )


def test_every_streams_records_have_its_kind() -> None:
    found: list[VersionedRecord] = [*page(Stream.PAYMENTS, a_payment()).records]
    found += [event for stream in CREDITS for event in page(stream, a_credit(stream)).records]
    assert {event.record_kind() for event in found if isinstance(event, RecordEvent)} == {
        KIND_OF[stream] for stream in (*CREDITS, Stream.PAYMENTS)
    }
