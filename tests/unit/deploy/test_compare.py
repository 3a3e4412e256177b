"""The comparison's own arithmetic, and that it names the record that differs."""

from typing import Any

import pytest

from deploy.local.compare import differences, imports, nothing, sums

XERO = {"i-1": {"status": "PAID", "total": "10.00"}, "i-2": {"status": "AUTHORISED", "total": "20.00"}}
CRM = list(XERO.items())


def test_equal_records_differ_in_nothing() -> None:
    assert list(differences("invoice", XERO, CRM)) == []


def test_an_altered_amount_names_its_record_and_both_amounts() -> None:
    altered = [CRM[0], ("i-2", {"status": "AUTHORISED", "total": "20.01"})]

    assert list(differences("invoice", XERO, altered)) == ["invoice i-2 is altered: total is 20.01, in Xero 20.00"]


def test_a_deleted_record_is_named() -> None:
    assert list(differences("invoice", XERO, CRM[:1])) == ["invoice i-2 is missing"]


def test_a_doubled_record_is_named() -> None:
    assert list(differences("outcome of invoice", XERO, [*CRM, CRM[0]])) == ["outcome of invoice i-1 is there 2 times"]


def test_a_record_that_xero_does_not_hold_is_named() -> None:
    assert list(differences("invoice", XERO, [*CRM, ("i-3", {})])) == ["invoice i-3 is not in Xero"]


def test_a_source_that_is_silent_about_a_group_says_zero() -> None:
    assert nothing("invoice PAID NZD") == sums(0, "0.00", "0.00")
    assert nothing("contacts imported") == "0"


def party(**more: Any) -> dict[str, Any]:
    return {"id": "c-1", "complete": True, "role": "customer", **more}


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        (party(), True),
        (party(role="neither"), True),
        (party(role="both"), True),
        (party(role="supplier"), False),
        (party(role="supplier", id="c-buyer"), True),
        (party(complete=False), False),
        (party(complete=False, id="c-buyer"), False),
    ],
)
def test_who_is_imported_by_the_products_rule(contact: dict[str, Any], expected: bool) -> None:
    invoices = [{"type": "ACCREC", "contact_id": "c-buyer"}, {"type": "ACCPAY", "contact_id": "c-1"}]

    assert imports(invoices)(contact) is expected
