"""Credit notes, payments, overpayments and prepayments: as seeded, as read, and what doing something to one moves."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import FakeClock, World
from xero_simulator.changes import RefusedError
from xero_simulator.kinds import CREDITS, KINDS
from xero_simulator.simulator import Simulator
from xero_simulator.wire import Doc, encode, ms_in, to_ms

LISTS = {"creditnote": "CreditNotes", "overpayment": "Overpayments", "prepayment": "Prepayments"}


def change(world: World, **wanted: Any) -> Doc:
    world.clock.advance(seconds=1)
    return world.simulator.change(world.tenant, [wanted])[0]


def one(world: World, kind: str, key: str) -> Doc:
    resource = KINDS[kind].resource
    return dict(world.get(f"/{resource}/{key}")[resource][0])


def balance(world: World, contact_id: str) -> Decimal:
    balances = one(world, "contact", contact_id).get("Balances", {})
    return Decimal(balances.get("AccountsReceivable", {}).get("Outstanding", 0))


def inconsistent(world: World) -> list[str]:
    """Ids of documents whose amounts do not follow from payments and applied credit, read over the API."""
    payments, wrong = world.all("/Payments"), []
    live = {p["PaymentID"]: p for p in payments if p["Status"] == "AUTHORISED"}
    applied: dict[str, Decimal] = {}
    for kind in CREDITS:
        for row in world.all(f"/{LISTS[kind]}"):
            used = sum((a["Amount"] for a in (*row["Allocations"], *row["Payments"])), Decimal(0))
            gone = row["Status"] in ("VOIDED", "DELETED")
            if row["RemainingCredit"] != (0 if gone else row["Total"] - used):
                wrong.append(row[KINDS[kind].id])
            if (row["Status"] == "PAID") != (not gone and used == row["Total"]):
                wrong.append(row[KINDS[kind].id])
            for use in row["Allocations"]:
                key = use["Invoice"]["InvoiceID"]
                applied[key] = applied.get(key, Decimal(0)) + use["Amount"]
    for row in world.all("/Invoices"):
        paid = sum((live[p["PaymentID"]]["Amount"] for p in row["Payments"]), Decimal(0))
        credited = sum((c["AppliedAmount"] for name in LISTS.values() for c in row[name]), Decimal(0))
        gone = row["Status"] in ("VOIDED", "DELETED")
        due = 0 if gone else row["Total"] - paid - credited
        told = (row["AmountPaid"], row["AmountCredited"], row["AmountDue"])
        if told != (paid, credited, due) or credited != applied.get(row["InvoiceID"], 0):
            wrong.append(row["InvoiceID"])
        if (row["Status"] == "PAID") != (row["Status"] in ("AUTHORISED", "PAID") and not due and bool(row["Total"])):
            wrong.append(row["InvoiceID"])
    return wrong


def test_what_is_seeded_adds_up_and_a_cent_too_much_would_be_noticed(world: World) -> None:
    assert inconsistent(world) == []
    org = world.simulator.organisations[world.tenant]
    key = world.an_invoice(status="AUTHORISED", part_paid=True)["InvoiceID"]
    doc = org.doc("invoice", key)
    org.put("invoice", {**doc, "AmountDue": doc["AmountDue"] + Decimal("0.01")})
    assert inconsistent(world) == [key]


def test_the_demo_organisation_has_credit_and_payments_of_every_kind() -> None:
    clock = FakeClock()
    world = World(clock, Simulator(clock, limits=False, check_tokens=False)).seed(1200, 8000)
    told = world.simulator.organisations[world.tenant].ledger.summary()
    statuses = {name: {row["status"] for row in told[name]} for name in ("credit_notes", "overpayments", "prepayments")}
    assert statuses["credit_notes"] == {"AUTHORISED", "PAID", "VOIDED", "DRAFT"}
    assert statuses["overpayments"] == statuses["prepayments"] == {"AUTHORISED", "PAID", "VOIDED"}
    types = {row["type"] for row in told["payments"]}
    assert {"ACCRECPAYMENT", "ACCPAYPAYMENT", "ARCREDITPAYMENT", "AROVERPAYMENTPAYMENT", "ARPREPAYMENTPAYMENT"} <= types
    parts = [row for row in world.all("/Invoices") if row["AmountPaid"] and row["AmountDue"]]
    assert len(parts) > 300
    assert sum(len(row["Payments"]) == 2 for row in world.all("/Invoices")) > 100


def test_the_ledger_counts_every_kind_as_it_reads_also_after_changes(world: World) -> None:
    def sums(kind: str) -> list[tuple[str, int, str]]:
        """(status, count, total) of what is read, in order."""
        total = "Amount" if kind == "payment" else "Total"
        groups: dict[str, list[Decimal]] = {}
        for row in world.all(f"/{KINDS[kind].resource}"):
            groups.setdefault(row["Status"], []).append(row[total])
        return sorted((status, len(many), f"{sum(many):.2f}") for status, many in groups.items())

    def told(kind: str) -> list[tuple[str, int, str]]:
        groups: dict[str, list[Doc]] = {}
        for row in world.simulator.organisations[world.tenant].ledger.rows(kind):
            groups.setdefault(row["status"], []).append(row)
        many = groups.items()
        return sorted((s, len(rows), f"{sum(Decimal(row['total']) for row in rows):.2f}") for s, rows in many)

    before = {kind: told(kind) for kind in (*CREDITS, "payment")}
    assert before == {kind: sums(kind) for kind in before}
    invoice = world.an_invoice(status="AUTHORISED")
    change(world, kind="invoice", op="credit", id=invoice["InvoiceID"], amount="1.00")
    paid = change(world, kind="invoice", op="pay", id=invoice["InvoiceID"])
    change(world, kind="payment", op="delete", id=paid["also"][0]["id"])
    assert {kind: told(kind) for kind in before} == {kind: sums(kind) for kind in before}
    assert told("payment") != before["payment"]


def test_a_payment_is_a_record_of_its_own_and_deleting_it_opens_the_invoice_again(world: World) -> None:
    row = world.an_invoice(status="AUTHORISED")
    owed = balance(world, row["Contact"]["ContactID"])
    made = change(world, kind="invoice", op="pay", id=row["InvoiceID"])
    payment = one(world, "payment", made["also"][0]["id"])
    assert (payment["Amount"], payment["PaymentType"]) == (row["AmountDue"], "ACCRECPAYMENT")
    assert payment["Invoice"]["InvoiceID"] == row["InvoiceID"]
    assert balance(world, row["Contact"]["ContactID"]) < owed
    change(world, kind="payment", op="delete", id=payment["PaymentID"])
    after = one(world, "invoice", row["InvoiceID"])
    assert (after["Status"], after["AmountDue"], after["Payments"]) == ("AUTHORISED", row["AmountDue"], [])
    assert ms_in(after["UpdatedDateUTC"]) == to_ms(world.clock.now())
    assert "FullyPaidOnDate" not in after
    assert balance(world, row["Contact"]["ContactID"]) == owed
    with pytest.raises(RefusedError):
        change(world, kind="payment", op="delete", id=payment["PaymentID"])


def test_credit_for_an_invoice_is_a_credit_note_applied_to_it(world: World) -> None:
    row = world.an_invoice(status="AUTHORISED")
    made = change(world, kind="invoice", op="credit", id=row["InvoiceID"])
    note, after = one(world, "creditnote", made["also"][0]["id"]), one(world, "invoice", row["InvoiceID"])
    assert (after["Status"], after["AmountCredited"], after["AmountDue"]) == ("PAID", row["AmountDue"], 0)
    assert after["CreditNotes"][0]["CreditNoteID"] == note["CreditNoteID"]
    assert (note["Status"], note["Total"], note["RemainingCredit"]) == ("PAID", row["AmountDue"], 0)
    assert inconsistent(world) == []


@pytest.mark.parametrize("kind", CREDITS)
def test_credit_is_made_applied_and_given_back_and_moves_both_documents(world: World, kind: str) -> None:
    row = world.an_invoice(status="AUTHORISED")
    line = {"Description": "x", "UnitAmount": row["AmountDue"] * 2}
    same = {"CurrencyCode": row["CurrencyCode"], "CurrencyRate": row["CurrencyRate"]}
    fields = {"Contact": {"ContactID": row["Contact"]["ContactID"]}, "LineItems": [line], **same}
    held = change(world, kind=kind, op="create", set=fields)["id"]
    whole = one(world, kind, held)
    assert whole["RemainingCredit"] == whole["Total"] == row["AmountDue"] * 2
    change(world, kind=kind, op="allocate", id=held, invoice=row["InvoiceID"], amount="1.00")
    part, invoice = one(world, kind, held), one(world, "invoice", row["InvoiceID"])
    assert (part["RemainingCredit"], invoice["AmountDue"]) == (whole["Total"] - 1, row["AmountDue"] - 1)
    assert invoice[LISTS[kind]][0]["AppliedAmount"] == 1
    assert part["UpdatedDateUTC"] == invoice["UpdatedDateUTC"] > whole["UpdatedDateUTC"]
    refund = change(world, kind=kind, op="refund", id=held)
    assert (one(world, kind, held)["Status"], one(world, kind, held)["RemainingCredit"]) == ("PAID", 0)
    payment = one(world, "payment", refund["also"][0]["id"])
    assert (payment["Amount"], payment["Invoice"]["InvoiceID"]) == (whole["Total"] - 1, held)
    assert inconsistent(world) == []


def test_what_xero_refuses_of_money_changes_nothing(world: World) -> None:
    paid, open_one = world.an_invoice(status="AUTHORISED", part_paid=True), world.an_invoice(status="AUTHORISED")
    note = change(world, kind="invoice", op="credit", id=open_one["InvoiceID"], amount="0.50")["also"][0]["id"]
    refused: list[dict[str, Any]] = [
        {"kind": "invoice", "op": "credit", "id": paid["InvoiceID"], "amount": "99999999"},
        {"kind": "invoice", "op": "pay", "id": paid["InvoiceID"], "amount": "a lot"},
        {"kind": "invoice", "op": "void", "id": open_one["InvoiceID"]},
        {"kind": "creditnote", "op": "void", "id": note},
        {"kind": "creditnote", "op": "refund", "id": note},
        {"kind": "creditnote", "op": "allocate", "id": note, "invoice": paid["InvoiceID"]},
        {"kind": "creditnote", "op": "create", "set": {}},
        {"kind": "payment", "op": "create", "set": {}},
    ]
    before = encode([world.all(f"/{kind.resource}") for kind in KINDS.values()])
    for wanted in refused:
        with pytest.raises(RefusedError):
            change(world, **wanted)
    assert encode([world.all(f"/{kind.resource}") for kind in KINDS.values()]) == before


def test_a_merge_hands_over_credit_and_balance_too(world: World) -> None:
    note = next(row for row in world.all("/CreditNotes") if row["Type"] == "ACCRECCREDIT")
    loser = note["Contact"]["ContactID"]
    survivor = next(r["ContactID"] for r in world.all("/Contacts") if r["ContactID"] != loser and r["IsCustomer"])
    together = balance(world, loser) + balance(world, survivor)
    change(world, kind="contact", op="merge", id=loser, into=survivor)
    assert one(world, "creditnote", note["CreditNoteID"])["Contact"]["ContactID"] == survivor
    assert (balance(world, survivor), balance(world, loser)) == (together, Decimal(0))
    rows = world.simulator.organisations[world.tenant].ledger.rows("creditnote")
    assert loser not in {row["contact_id"] for row in rows}


def test_a_gdpr_request_takes_the_person_away_and_keeps_the_invoices(world: World) -> None:
    row = next(r for r in world.all("/Contacts") if r.get("LastName", "").strip() and r["IsCustomer"])
    held = world.all("/Invoices", ContactIDs=row["ContactID"])
    change(world, kind="contact", op="gdpr", id=row["ContactID"])
    after = one(world, "contact", row["ContactID"])
    assert after["ContactStatus"] == "GDPRREQUEST"
    assert not {"FirstName", "LastName"} & after.keys()
    assert (after["EmailAddress"], after["ContactPersons"], after["Phones"]) == ("", [], [])
    assert len(world.all("/Invoices", ContactIDs=row["ContactID"])) == len(held) > 0


@pytest.mark.parametrize("kind", [*CREDITS, "payment"])
def test_lists_of_money_are_paged_filtered_and_ordered_as_the_others(world: World, kind: str) -> None:
    resource, key = KINDS[kind].resource, KINDS[kind].id
    rows, amount = world.all(f"/{resource}"), "Amount" if kind == "payment" else "Total"
    pages = -(-len(rows) // 3)
    by_threes = [r for n in range(1, pages + 1) for r in world.get(f"/{resource}", page=n, pageSize=3)[resource]]
    assert [r[key] for r in by_threes] == [r[key] for r in rows]
    most = sorted(r[amount] for r in rows)[len(rows) // 2]
    found = world.all(f"/{resource}", where=f"{amount}>={most}", order=f"{amount} DESC")
    assert [r[amount] for r in found] == sorted((r[amount] for r in rows if r[amount] >= most), reverse=True)
    assert world.get(f"/{resource}", IDs=rows[0][key], page=1)["pagination"]["itemCount"] == 1
    assert not any(r.get("LineItems") for r in world.get(f"/{resource}")[resource])
    world.simulator.touch(world.tenant, kind, [rows[0][key]])
    since = world.clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    assert [r[key] for r in world.get(f"/{resource}", since, page=1)[resource]] == [rows[0][key]]


def test_payments_are_found_by_what_they_are_for(world: World) -> None:
    row = next(r for r in world.all("/Invoices") if r["Payments"])
    found = world.all("/Payments", where=f'Invoice.InvoiceID==Guid("{row["InvoiceID"]}")')
    assert {p["PaymentID"] for p in found} == {p["PaymentID"] for p in row["Payments"]}


def test_an_invoice_is_given_as_pdf_whose_table_of_objects_is_right(world: World) -> None:
    row = world.all("/Invoices", where='Type=="ACCREC"')[0]
    headers = {"Accept": "application/pdf"}
    answer = world.simulator.call(world.tenant, f"/Invoices/{row['InvoiceID']}", {}, headers)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    start = int(answer.body.split(b"startxref\n")[1].split(b"\n")[0])
    assert answer.body[start:].startswith(b"xref\n0 6\n")
    for number, entry in enumerate(answer.body[start:].split(b"\n")[3:8], 1):
        assert answer.body[int(entry[:10]) :].startswith(b"%d 0 obj" % number)
    assert row["InvoiceNumber"].encode() in answer.body
    assert world.get(f"/Invoices/{row['InvoiceID']}")["Invoices"][0]["InvoiceID"] == row["InvoiceID"]  # the control


def test_only_approved_sales_are_online(world: World) -> None:
    sale, draft = world.an_invoice(status="AUTHORISED"), world.an_invoice(status="DRAFT")
    shown = world.get(f"/Invoices/{sale['InvoiceID']}/OnlineInvoice")["OnlineInvoices"][0]
    assert shown["OnlineInvoiceUrl"].endswith(sale["InvoiceID"])
    assert world.answer(f"/Invoices/{draft['InvoiceID']}/OnlineInvoice").status == 400
