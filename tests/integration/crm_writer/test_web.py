"""What the CRM shows over HTTP, and to whom."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from accounting_link.chassis.callers import MEMBER, NO_MONEY
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.records import InvoiceLine, Person
from accounting_link.contracts.words import Kind
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
from crm_writer.own import Own
from tests.integration.crm_writer.conftest import Build, Crm

pytestmark = pytest.mark.mongo
TODAY = date(2026, 7, 1)


def due_in(days: int, id_: str, total: str, **more: Any) -> Any:
    return an_invoice(id_, total=total, due_date=TODAY + timedelta(days=days), **more)


def test_what_a_company_owes_is_told_by_currency_and_age(crm: Crm) -> None:
    crm.given(
        a_customer(),
        due_in(0, "today", "1.01"),
        due_in(-1, "a", "2.02"),
        due_in(-30, "b", "4.04"),
        due_in(-31, "c", "8.08"),
        due_in(-90, "d", "16.16"),
        due_in(-91, "e", "32.32"),
        an_invoice("whenever", total="64.64"),
        due_in(-5, "half", "100.00", due="0.10", status="AUTHORISED"),
        due_in(-5, "paid", "50.00", due="0.00", status="PAID"),
        due_in(-5, "dollars", "7.00", currency="USD"),
    )
    nzd, usd = crm.company("company contact-1")["balances"]
    assert nzd == {
        "currency": "NZD",
        "credit": "0",
        "balance": "128.37",
        "invoices": 9,
        "invoiced": "278.27",
        "outstanding": "128.37",
        "open_invoices": 8,
        "overdue": "62.72",
        "overdue_invoices": 6,
        "ages": {
            "current": "65.65",
            "days_1_30": "6.16",
            "days_31_60": "8.08",
            "days_61_90": "16.16",
            "days_over_90": "32.32",
        },
    }
    assert (usd["currency"], usd["outstanding"], usd["ages"]["days_1_30"]) == ("USD", "7.00", "7.00")


def organisation(crm: Crm, time_zone: str) -> None:
    """FakeClock's now is noon UTC or so of 1 July."""
    crm.db.organisations.replace_one(
        {"_id": "kiwi"},
        {
            "account_id": SCOPE.account_id,
            "tenant_id": "t",
            "name": "Kiwi Ltd",
            "short_code": "!kiwi",
            "base_currency": "NZD",
            "country": "NZ",
            "time_zone": time_zone,
            "read_at": JULY,
        },
        upsert=True,
    )


@pytest.mark.parametrize(
    ("time_zone", "overdue"),
    [("", "1.00"), ("Pacific/Kiritimati", "3.00"), ("Etc/GMT+12", "0"), ("No/Such", "1.00")],
)
def test_what_is_overdue_is_decided_by_the_organisations_own_day(crm: Crm, time_zone: str, overdue: str) -> None:
    crm.clock.advance(timedelta(hours=11) - (crm.clock.now() - JULY.replace(hour=0)))  # 11:00 UTC
    crm.given(a_customer(), due_in(-1, "a", "1.00"), due_in(0, "b", "2.00"))
    organisation(crm, time_zone)
    [balance] = crm.company("company contact-1")["balances"]
    assert balance["overdue"] == overdue
    assert sum(Decimal(one["due"]) for one in crm.items("/transactions", overdue="true")) == Decimal(overdue)


def test_an_organisation_is_shown_to_its_own_account_only(crm: Crm) -> None:
    assert crm.get("/organisations/kiwi").status_code == 404
    organisation(crm, "Pacific/Auckland")
    answer = crm.get("/organisations/kiwi").json or {}
    assert (answer["name"], answer["short_code"], answer["time_zone"]) == ("Kiwi Ltd", "!kiwi", "Pacific/Auckland")
    crm.account_id = "somebody-else"
    assert crm.get("/organisations/kiwi").status_code == 404


def test_what_is_to_a_customers_credit_is_told_beside_what_is_owed(crm: Crm) -> None:
    crm.given(
        a_customer(),
        due_in(-5, "a", "100.00", due="50.00"),
        a_credit_note(total="30.00", allocations=(an_allocation("a", "10.00"),)),
        a_credit_note("void", total="1000.00", status="VOIDED"),
        an_overpayment(total="5.00"),
        a_prepayment(total="2.00"),
        a_payment(total="40.00", pays_id="a"),
        an_overpayment("dollars", total="7.00", currency="USD"),
    )
    nzd, usd = crm.company("company contact-1")["balances"]
    assert (nzd["outstanding"], nzd["credit"], nzd["balance"]) == ("50.00", "27.00", "23.00")
    assert (nzd["invoices"], nzd["invoiced"], nzd["overdue"]) == (1, "100.00", "50.00")
    assert (usd["currency"], usd["outstanding"], usd["balance"]) == ("USD", "0", "-7.00")
    assert crm.company("company contact-1")["last_invoice"]["xero_id"] == "a"
    totals = {one["kind"]: (one["total"], one["remaining"]) for one in crm.items("/transactions/totals")}
    assert (totals["payment"], totals["prepayment"]) == (("40.00", "0"), ("2.00", "2.00"))


def test_an_invoice_shows_what_was_paid_for_it_and_put_against_it(crm: Crm) -> None:
    credit = a_credit_note(allocations=(an_allocation("a"), an_allocation("b", "1.00")), date=TODAY)
    crm.given(
        an_invoice("a"), an_invoice("b"), credit, a_payment(pays_id="a"), a_payment("p-2", pays_id="b"),
        a_payment("refund", pays_id="credit-1", pays_kind=Kind.CREDIT_NOTE, payment_type="ARCREDITPAYMENT"),
    )  # fmt: skip
    invoice = crm.get("/transactions/kiwi/invoice/a").json or {}
    assert [one["xero_id"] for one in invoice["payments"]] == ["payment-1"]
    assert [(one["transaction_id"], one["amount"]) for one in invoice["allocations"]] == [
        ("kiwi/credit_note/credit-1", "4.00")
    ]
    shown = crm.get("/transactions/kiwi/credit_note/credit-1").json or {}
    assert [one["xero_id"] for one in shown["payments"]] == ["refund"]
    assert [(one["transaction_id"], one["amount"]) for one in shown["allocations"]] == [
        ("kiwi/invoice/a", "4.00"),
        ("kiwi/invoice/b", "1.00"),
    ]
    paid = crm.get("/transactions/kiwi/payment/payment-1").json or {}
    assert paid["pays_transaction_id"] == "kiwi/invoice/a"


@pytest.mark.parametrize("status", ["DRAFT", "SUBMITTED", "VOIDED", "DELETED"])
def test_what_is_not_issued_or_was_taken_back_is_owed_by_nobody(crm: Crm, status: str) -> None:
    crm.given(a_customer(), due_in(-5, "a", "10.00", status=status))
    found = crm.company("company")
    assert (found["balances"], found["last_invoice"]) == ([], None)
    assert crm.items("/transactions", overdue="true") == []
    assert [one["status"] for one in crm.items("/transactions")] == [status]


def test_a_company_shows_its_people_parts_and_freshness(crm: Crm) -> None:
    later = JULY + timedelta(days=3)
    crm.given(
        a_customer(name="Acme", persons=(Person(first_name="Cher"), Person(last_name="Hopper"))),
        a_customer("branch", name="ACME", status="ARCHIVED"),
        an_invoice(contact_id="branch", date=TODAY, updated_at=later),
    )
    found = crm.company("acme")
    assert {person["last_name"] for person in found["people"]} == {"Lovelace", "Hopper"}
    assert [(part["contact_id"], part["status"]) for part in found["parts"]] == [
        ("branch", "ARCHIVED"),
        ("contact-1", "ACTIVE"),
    ]
    assert found["parts"][1]["notes"] == ["Cher is left out: no last name"]
    assert found["fresh_at"] == later.isoformat()
    assert found["last_invoice"]["number"] == "INV-invoice-1"


def test_people_and_sales_of_a_merged_contact_name_the_survivors_company(crm: Crm) -> None:
    crm.given(
        a_customer("survivor", name="Acme"),
        a_customer("old", name="Acme old", status="ARCHIVED", merged_to="survivor"),
        a_customer("older", name="Acme older", status="ARCHIVED", merged_to="old"),
        a_customer("lost", name="Acme lost", status="ARCHIVED", merged_to="nobody"),
        *(an_invoice(f"of {name}", contact_id=name) for name in ("survivor", "old", "older", "lost")),
    )
    of_people = {one["contact_id"]: one["company_name"] for one in crm.items("/contacts")}
    of_sales = {one["contact_id"]: one["company_name"] for one in crm.items("/transactions")}
    assert of_people == of_sales == {"survivor": "Acme", "old": "Acme", "older": "Acme", "lost": "Acme lost"}


def test_sales_of_a_merged_contact_show_on_the_survivor(crm: Crm) -> None:
    crm.given(
        a_customer("survivor", name="Acme"),
        a_customer("old", name="Acme old", status="ARCHIVED", merged_to="survivor"),
        a_customer("older", name="Acme older", status="ARCHIVED", merged_to="old"),
        an_invoice("1", contact_id="survivor", total="1.00"),
        an_invoice("2", contact_id="old", total="2.00"),
        an_invoice("3", contact_id="older", total="4.00"),
    )
    [balance] = crm.company("acme")["balances"]
    assert balance["outstanding"] == "7.00"
    assert crm.company("acme older")["balances"] == []


def test_a_merged_contact_of_the_company_itself_counts_where_the_chain_ends(crm: Crm) -> None:
    crm.given(
        a_customer("first", name="Acme", status="ARCHIVED", merged_to="second"),
        a_customer("second", name="ACME", status="ARCHIVED", merged_to="survivor"),
        a_customer("survivor", name="Bloom"),
        *(an_invoice(f"of {name}", contact_id=name, total="1.00") for name in ("first", "second", "survivor")),
    )
    assert {one["company_name"] for one in crm.items("/transactions")} == {"Bloom"}
    assert [one["outstanding"] for one in crm.company("bloom")["balances"]] == ["3.00"]
    assert crm.company("acme")["balances"] == []


def test_a_sale_of_who_is_left_out_counts_in_every_total_and_names_no_company(crm: Crm) -> None:
    crm.given(a_supplier("s"), a_customer(name=""), an_invoice(total="10.00"))
    [sale] = crm.items("/transactions")
    assert (sale["company_id"], sale["contact_id"]) == (None, "contact-1")
    [total] = crm.items("/transactions/totals", connection_id="kiwi")
    assert total == {
        "currency": "NZD",
        "status": "AUTHORISED",
        "kind": "invoice",
        "count": 1,
        "total": "10.00",
        "due": "10.00",
        "remaining": "0",
    }


def test_one_transaction_has_its_lines_and_a_list_has_none(crm: Crm) -> None:
    crm.given(an_invoice(lines=(InvoiceLine(description="Hats", amount=Decimal("1.5000")),)))
    [listed] = crm.items("/transactions")
    answer = crm.get(f"/transactions/{listed['id']}").json or {}
    assert "lines" not in listed
    assert [(line["description"], line["amount"]) for line in answer["lines"]] == [("Hats", "1.5000")]


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_neither_skip_nor_repeat(crm: Crm, limit: int) -> None:
    days = (None, TODAY, None, TODAY, TODAY - timedelta(days=1))
    crm.given(*(a_customer(str(n)) for n in range(5)))
    crm.given(*(an_invoice(str(n), contact_id="0", date=day) for n, day in enumerate(days)))
    company = crm.company("company 0")
    lists = {
        "/companies": ["Company 0", "Company 1", "Company 2", "Company 3", "Company 4"],
        "/transactions": ["INV-1", "INV-3", "INV-4", "INV-0", "INV-2"],
        f"/companies/{company['id']}/transactions": ["INV-1", "INV-3", "INV-4", "INV-0", "INV-2"],
    }
    for path, expected in lists.items():
        assert [one.get("number") or one["name"] for one in crm.items(path, limit=limit)] == expected
    assert len({one["id"] for one in crm.items("/contacts", limit=limit)}) == 5
    assert len({one["xero_id"] for one in crm.items("/records", limit=limit, kind="contact")}) == 5


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"search": "LTD"}, ["Acme Ltd", "Bolt (NZ) Ltd"]),
        ({"search": "(nz)"}, ["Bolt (NZ) Ltd"]),
        ({"search": ".*"}, []),
        ({"search": "ltd bolt"}, ["Bolt (NZ) Ltd"]),
        ({"search": "ltd cafe"}, []),
        ({"search": "maori"}, ["Café Māori"]),
        ({"search": "MÄORI  cafe\u0301"}, ["Café Māori"]),
        ({"search": "  "}, ["Acme Ltd", "Bolt (NZ) Ltd", "Café Māori"]),
        ({"search": "e" * 200}, []),
        ({"search": "\0"}, []),
        ({"begins": "  aCM"}, ["Acme Ltd"]),
        ({"begins": "ltd"}, []),
    ],
)
def test_search_is_by_name_whatever_the_case_and_its_signs_mean_themselves(
    crm: Crm, query: dict[str, str], expected: list[str]
) -> None:
    names = ("Acme Ltd", "Bolt (NZ) Ltd", "Café Māori")
    crm.given(*(a_customer(name, name=name) for name in names))
    assert [one["name"] for one in crm.items("/companies", **query)] == expected


def test_people_are_found_by_first_and_last_name_in_either_order(crm: Crm) -> None:
    crm.given(a_customer(main_person=Person(first_name="Zoë", last_name="Ngata")))
    for typed, found in (("zoe ngata", 1), ("Ngata Zoë", 1), ("zoe", 1), ("zoe ngaio", 0)):
        assert len(crm.items("/contacts", search=typed)) == found, typed


def test_a_search_that_is_too_long_is_refused(crm: Crm) -> None:
    for name in ("search", "begins"):
        assert crm.get(f"/companies?{name}={'e' * 201}").status_code == 422


def test_sales_are_found_by_what_one_asks(crm: Crm) -> None:
    crm.given(
        a_customer("c"),
        due_in(-1, "late", "1.00", contact_id="c"),
        due_in(1, "soon", "1.00", contact_id="c", status="PAID", due="0.00"),
        an_invoice("usd", contact_id="d", currency="USD"),
        a_credit_note(contact_id="d"),
    )
    company = crm.company("company c")["id"]
    for query, expected in (
        ({"status": "PAID"}, {"soon"}),
        ({"currency": "USD"}, {"usd"}),
        ({"contact_id": "c"}, {"late", "soon"}),
        ({"company_id": company}, {"late", "soon"}),
        ({"overdue": "true"}, {"late"}),
        ({"kind": "credit_note"}, {"credit-1"}),
        ({"connection_id": "another"}, set()),
    ):
        assert {one["xero_id"] for one in crm.items("/transactions", **query)} == expected


def test_each_record_shows_its_state_and_why(crm: Crm) -> None:
    crm.given(a_customer(), a_customer("nameless", name=" "), a_supplier(), an_invoice())
    left_out = {one["xero_id"]: one for one in crm.items("/records", connection_id="kiwi", state="left_out")}
    assert left_out["supplier-1"]["name"] == "Supplier supplier-1"
    assert left_out["nameless"]["reason"] == "no company name"
    named = crm.items("/records", connection_id="kiwi", xero_ids="contact-1,nameless,unknown")
    assert {(one["xero_id"], one["company_name"]) for one in named} == {
        ("contact-1", "Company contact-1"),
        ("nameless", None),
    }
    assert crm.get("/records?xero_ids=contact-1").status_code == 422
    assert crm.items("/records/counts", connection_id="kiwi") == [
        {"kind": "contact", "state": "imported", "count": 1},
        {"kind": "contact", "state": "left_out", "count": 2},
        {"kind": "invoice", "state": "imported", "count": 1},
    ]


def test_what_has_not_changed_is_not_sent_again(crm: Crm) -> None:
    crm.given(a_customer(), an_invoice())
    for path in (f"/companies/{crm.company('company')['id']}", "/transactions/kiwi/invoice/invoice-1"):
        tag = crm.get(path).headers["ETag"]
        assert crm.get(path, {"If-None-Match": tag}).status_code == 304
    crm.given(an_invoice(due="1.00", updated_at=JULY + timedelta(days=1)))
    assert crm.get(path, {"If-None-Match": tag}).status_code == 200


def an_export(crm: Crm, **changes: Any) -> None:
    """What was asked of Xero for a person."""
    said = dict.fromkeys(("connection_id", "contact_id", "name", "detail", "requested_by", "requested_by_name"), "x")
    nothing = dict.fromkeys(("company_id", "refusal", "xero_id", "ended_at"))
    whose = {"account_id": SCOPE.account_id, "state": "requested", "requested_at": JULY, "reference": "r"}
    crm.db.exports.replace_one({"_id": "export-1"}, {**said, **nothing, **whose, **changes}, upsert=True)


def test_an_export_says_when_what_it_created_was_removed_here_since(crm: Crm) -> None:
    crm.given(a_customer())
    created = {"connection_id": "kiwi", "state": "created"}
    told = []
    for changes in ({}, {**created, "xero_id": "contact-1"}, {**created, "xero_id": "gone"}):
        an_export(crm, **changes)
        answer = crm.get("/exports/export-1").json
        told.append(answer and answer["removed"])
    assert told == [False, False, True]


REMOVAL = "/records/removal?connection_id=kiwi"  # for administrators only


def paths(crm: Crm) -> list[str]:
    """Every route, filled with ids that are there."""
    company, contact = crm.items("/companies")[0]["id"], crm.items("/contacts")[0]["id"]
    an_export(crm)
    return [
        "/companies",
        f"/companies/{company}",
        f"/companies/{company}/transactions",
        "/contacts",
        f"/contacts?company_id={company}",
        f"/contacts/{contact}",
        "/transactions",
        f"/transactions?company_id={company}",
        "/transactions/totals",
        "/transactions/kiwi/invoice/invoice-1",
        "/records",
        "/records/counts",
        REMOVAL,
        "/organisations/kiwi",
        "/exports/export-1",
    ]


def test_every_route_is_tried(crm: Crm) -> None:
    crm.given(a_customer(), an_invoice())
    every = [rule for rule in crm.web.application.url_map.iter_rules() if "GET" in (rule.methods or ())]
    rules = {rule.rule for rule in every if rule.rule.startswith("/api/v1")}
    tried = {
        str(adapter.match(f"/api/v1{path.partition('?')[0]}", return_rule=True)[0].rule)
        for adapter in [crm.web.application.url_map.bind("")]
        for path in paths(crm)
    }
    assert tried == rules


def leaks(crm: Crm) -> list[str]:
    """What somebody else's administrator gets to see of ours."""
    crm.given(a_customer(), an_invoice())
    organisation(crm, "")
    ours = paths(crm)
    crm.account_id = "somebody-else"
    return [path for path in ours if (answer := crm.get(path)).status_code != 404 and _holds_something(answer.json)]


def _holds_something(told: Any) -> bool:
    return bool(told["records"]) if "records" in told else told.get("items") != []


def test_nothing_of_another_account_is_shown(crm: Crm) -> None:
    assert leaks(crm) == []


class Unscoped(Own):
    """The control: the account left out of the query."""

    def scoped(self, which: Document) -> Document:
        return which


def test_control_without_the_account_in_the_query_everything_is_shown(build: Build) -> None:
    crm = build(Unscoped)
    leaked = leaks(crm)
    assert len(leaked) == len(paths(crm))


def test_two_accounts_with_the_same_organisation_see_each_their_own(crm: Crm) -> None:
    crm.given(a_customer(), an_invoice(total="1.00"))
    theirs = msgspec.structs.replace(SCOPE, account_id="somebody-else", connection_id="their-kiwi")
    crm.given(a_customer(), an_invoice(total="2.00"), scope=theirs)
    assert [one["total"] for one in crm.items("/transactions")] == ["1.00"]
    crm.account_id = "somebody-else"
    assert [one["total"] for one in crm.items("/transactions")] == ["2.00"]


def test_who_may_see_no_money_sees_companies_and_people_without_amounts(crm: Crm) -> None:
    crm.given(a_customer(), an_invoice())
    organisation(crm, "")
    tried = paths(crm)
    crm.role = NO_MONEY
    shown = {path: crm.get(path) for path in tried}
    allowed = {path for path, answer in shown.items() if answer.status_code == 200}
    refused = {path for path, answer in shown.items() if answer.status_code == 403}
    assert allowed | refused == set(tried)
    assert {path for path in allowed if "transactions" in path or "records" in path} == set()
    assert not [path for path in allowed if "115.00" in shown[path].text]
    assert "balances" not in crm.company("company")


def test_a_member_sees_all(crm: Crm) -> None:
    crm.given(a_customer(), an_invoice())
    organisation(crm, "")
    crm.role = MEMBER
    assert {crm.get(path).status_code for path in paths(crm) if path != REMOVAL} == {200}


def test_who_is_not_signed_in_sees_nothing(crm: Crm) -> None:
    crm.given(a_customer(), an_invoice())
    answers = [crm.web.get(f"/api/v1{path}") for path in paths(crm)]
    assert {(answer.status_code, answer.content_type) for answer in answers} == {(401, "application/problem+json")}


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "W3siJGd0IjogIiJ9LCAieCJd"])
def test_a_cursor_that_no_list_gave_is_refused(crm: Crm, cursor: str) -> None:
    assert crm.get("/companies", cursor=cursor).status_code == 400
