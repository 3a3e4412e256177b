"""What the simulator holds: the seed, the ledger, changes with their side effects, and what outlives a kill."""

import os
import threading
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import FakeClock, World, a_browser
from xero_simulator.changes import RefusedError
from xero_simulator.journal import Journal
from xero_simulator.settings import Settings, SettingsError
from xero_simulator.simulator import Simulator
from xero_simulator.wire import Doc, decode, encode, ms_in, to_ms


def sums_of_what_is_read(world: World) -> list[Doc]:
    groups: defaultdict[tuple[str, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
    for row in world.all("/Invoices", order="InvoiceID"):
        held = groups[row["Type"], row["Status"], row["CurrencyCode"]]
        held[:] = held[0] + 1, held[1] + row["Total"], held[2] + row["AmountDue"]
    return [
        {"type": t, "status": s, "currency": c, "count": int(n), "total": f"{total:.2f}", "due": f"{due:.2f}"}
        for (t, s, c), (n, total, due) in sorted(groups.items())
    ]


def ledger(world: World) -> dict[str, Any]:
    return world.simulator.organisations[world.tenant].ledger.summary()


def change(world: World, **wanted: Any) -> Doc:
    return world.simulator.change(world.tenant, [wanted])[0]


def test_the_ledger_equals_the_sums_of_what_is_read_also_after_changes(world: World) -> None:
    assert ledger(world)["invoices"] == sums_of_what_is_read(world)
    before = ledger(world)
    change(world, kind="invoice", op="pay", id=world.an_invoice(status="AUTHORISED")["InvoiceID"], amount="1.00")
    change(world, kind="invoice", op="void", id=world.an_invoice(status="AUTHORISED")["InvoiceID"])
    lines = [{"Description": "x", "Quantity": 3, "UnitAmount": Decimal("0.3333")}]
    owner = {"ContactID": world.all("/Contacts")[0]["ContactID"]}
    change(world, kind="invoice", op="create", set={"Contact": owner, "LineItems": lines})
    world.simulator.touch_some(world.tenant, "invoice", 50, 1500)
    assert ledger(world)["invoices"] == sums_of_what_is_read(world)
    assert ledger(world) != before  # the control: the changes did count


def test_the_ledger_counts_contacts_as_they_read(world: World) -> None:
    rows = world.all("/Contacts", includeArchived="true")
    told = ledger(world)["contacts"]
    people = {r["ContactID"]: [r, *r["ContactPersons"]] for r in rows}
    incomplete = [
        r
        for r in rows
        if not r.get("Name", "").strip() or not any(p.get("LastName", "").strip() for p in people[r["ContactID"]])
    ]
    assert (told["all"], told["incomplete"]) == (len(rows), len(incomplete))
    assert told["without_last_name"] == sum(not r.get("LastName", "").strip() for r in rows)
    assert told["by_role"]["supplier"] == sum(r["IsSupplier"] and not r["IsCustomer"] for r in rows)


def test_the_demo_organisation_holds_what_the_demo_promises() -> None:
    world = World(FakeClock(), Simulator(FakeClock(), limits=False, check_tokens=False)).seed(1200, 8000)
    told, sales = ledger(world), [row for row in ledger(world)["invoices"] if row["type"] == "ACCREC"]
    contacts = told["contacts"]
    assert sum(row["count"] for row in sales) == 8000
    assert contacts["all"] == 1200
    assert contacts["without_last_name"] >= 180
    assert contacts["sales_of_incomplete"] >= 40
    assert {row["status"] for row in sales} == {"DRAFT", "SUBMITTED", "AUTHORISED", "PAID", "VOIDED", "DELETED"}
    assert {row["currency"] for row in sales} == {"NZD", "AUD"}
    assert min(contacts["by_role"][role] for role in ("customer", "supplier", "both", "neither")) >= 20
    assert contacts["merged"] >= 5
    rows = world.all("/Contacts")
    names = [row["Name"].strip().casefold() for row in rows if "Name" in row]
    assert len(names) == len(set(names))
    times = [ms_in(row["UpdatedDateUTC"]) for row in world.all("/Invoices")]
    assert max(times) < to_ms(world.clock.now())
    assert max(times) - min(times) > 4 * 365 * 86_400_000
    assert len({ms % 1000 for ms in times}) > 500
    lines = [len(row["LineItems"]) for row in world.all("/Invoices")]
    assert (min(lines), max(lines)) == (1, 6)


def test_the_same_seed_makes_the_same_records_and_another_makes_others() -> None:
    def made(number: int) -> bytes:
        world = World(FakeClock(), Simulator(FakeClock(), check_tokens=False)).seed(20, 50, number)
        return encode([world.all("/Invoices"), world.all("/Contacts")])

    assert made(3) == made(3)
    assert made(3) != made(4)


def test_whenever_it_is_made_the_same_seed_holds_as_much() -> None:
    def held(number: int = 3, **later: float) -> Doc:
        clock = FakeClock()
        clock.advance(hours=24 - clock.now().hour)  # early on the day after
        clock.advance(**later)
        world = World(clock, Simulator(clock, check_tokens=False)).seed(60, 2000, number)
        summary: Doc = world.simulator.organisations[world.tenant].ledger.summary()
        return summary

    assert held() == held(hours=22) == held(days=30)
    assert held() != held(4)  # the control: another seed does not


def test_totals_are_the_sums_of_the_lines(world: World) -> None:
    for row in world.all("/Invoices"):
        amounts = sum((line.get("LineAmount", Decimal(0)) for line in row["LineItems"]), Decimal(0))
        assert row["Total"] == (amounts if row["LineAmountTypes"] == "Inclusive" else amounts + row["TotalTax"])
        assert row["SubTotal"] + row["TotalTax"] == row["Total"]
        if row["Status"] in ("AUTHORISED", "PAID"):
            assert row["AmountDue"] == row["Total"] - row["AmountPaid"] - row["AmountCredited"]


def test_money_is_written_with_its_places_and_never_as_a_float(world: World) -> None:
    raw = world.answer("/Invoices", page=1, pageSize=5).body
    assert b'"Total":' in raw
    assert b'"UnitAmount":' in raw
    for row in decode(raw)["Invoices"]:
        assert row["Total"].as_tuple().exponent == -2
        assert all(line["UnitAmount"].as_tuple().exponent == -4 for line in row["LineItems"] if "UnitAmount" in line)


def test_a_payment_moves_what_is_due_and_the_time_of_change(world: World) -> None:
    row = world.an_invoice(status="AUTHORISED")
    world.clock.advance(seconds=5)
    change(world, kind="invoice", op="pay", id=row["InvoiceID"], amount="0.50")
    part = world.get(f"/Invoices/{row['InvoiceID']}")["Invoices"][0]
    assert (part["Status"], part["AmountDue"]) == ("AUTHORISED", row["AmountDue"] - Decimal("0.50"))
    assert ms_in(part["UpdatedDateUTC"]) == to_ms(world.clock.now())
    change(world, kind="invoice", op="pay", id=row["InvoiceID"])
    paid = world.get(f"/Invoices/{row['InvoiceID']}")["Invoices"][0]
    assert (paid["Status"], paid["AmountDue"], len(paid["Payments"])) == ("PAID", 0, 2)


def test_what_xero_refuses_changes_nothing(world: World) -> None:
    paid, others = world.an_invoice(status="AUTHORISED", part_paid=True), world.all("/Contacts")
    refused: list[dict[str, Any]] = [
        {"kind": "invoice", "op": "void", "id": paid["InvoiceID"]},
        {"kind": "invoice", "op": "pay", "id": paid["InvoiceID"], "amount": "99999999"},
        {"kind": "contact", "id": others[0]["ContactID"], "set": {"Name": f" {others[1]['Name'].upper()} "}},
        {"kind": "contact", "id": others[0]["ContactID"], "set": {"Name": "x" * 256}},
        {"kind": "contact", "op": "archive", "id": "nobody"},
        {"kind": "planet", "id": "x"},
    ]
    before = world.answer("/Invoices", page=1, pageSize=1000).body[150:]
    for wanted in refused:
        with pytest.raises(RefusedError):
            change(world, **wanted)
    assert world.answer("/Invoices", page=1, pageSize=1000).body[150:] == before


def test_a_renamed_contact_shows_its_name_on_its_invoices_without_moving_them(world: World) -> None:
    row = world.all("/Invoices")[0]
    change(world, kind="contact", id=row["Contact"]["ContactID"], set={"Name": "Ngā Mihi Ltd"})
    after = world.get(f"/Invoices/{row['InvoiceID']}")["Invoices"][0]
    assert after["Contact"]["Name"] == "Ngā Mihi Ltd"
    assert after["UpdatedDateUTC"] == row["UpdatedDateUTC"]


def test_a_merged_contact_is_archived_and_its_invoices_are_the_survivors(world: World) -> None:
    loser, survivor = (world.all("/Invoices", where='Type=="ACCREC"')[n]["Contact"]["ContactID"] for n in (0, 1))
    held = len(world.all("/Invoices", ContactIDs=loser))
    change(world, kind="contact", op="merge", id=loser, into=survivor)
    row = world.get(f"/Contacts/{loser}")["Contacts"][0]
    assert (row["ContactStatus"], row["MergedToContactID"], held > 0) == ("ARCHIVED", survivor, True)
    assert world.all("/Invoices", ContactIDs=loser) == []


def test_a_first_sale_makes_its_contact_a_customer(world: World) -> None:
    made = change(world, kind="contact", op="create", set={"Name": "Newcomer", "LastName": "Ng"})
    assert world.get(f"/Contacts/{made['id']}")["Contacts"][0]["IsCustomer"] is False
    lines = [{"Description": "x", "UnitAmount": "10"}]
    change(world, kind="invoice", op="create", set={"Contact": {"ContactID": made["id"]}, "LineItems": lines})
    assert world.get(f"/Contacts/{made['id']}")["Contacts"][0]["IsCustomer"] is True


def test_a_change_can_be_placed_in_an_exact_millisecond(world: World) -> None:
    row = world.all("/Invoices")[0]
    change(world, kind="invoice", op="touch", id=row["InvoiceID"], updated_at="2026-03-02T09:00:00.007Z")
    assert world.get(f"/Invoices/{row['InvoiceID']}")["Invoices"][0]["UpdatedDateUTC"] == "/Date(1772442000007+0000)/"


def test_a_bulk_touch_stays_inside_its_span_and_no_record_goes_back_in_time(world: World) -> None:
    end = to_ms(world.clock.now())
    before = {row["InvoiceID"]: ms_in(row["UpdatedDateUTC"]) for row in world.all("/Invoices")}
    ids = world.simulator.touch_some(world.tenant, "invoice", 250, 1500)
    after = {row["InvoiceID"]: ms_in(row["UpdatedDateUTC"]) for row in world.all("/Invoices")}
    assert all(end - 1500 < after[key] <= end for key in ids)
    world.simulator.touch(world.tenant, "invoice", ids[:1], 5000)
    assert ms_in(world.get(f"/Invoices/{ids[0]}")["Invoices"][0]["UpdatedDateUTC"]) > after[ids[0]]
    assert all(after[key] >= before[key] for key in after)


def test_tokens_changes_and_time_outlive_a_kill_and_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    first = a_browser(lambda clock: Simulator(clock, journal=Journal(path)))
    tokens, tenant = first.connect(), first.tenants[0]
    row = first.get("/api.xro/2.0/Contacts", tokens["access_token"]).json["Contacts"][0]
    first.simulator.change(tenant, [{"kind": "contact", "id": row["ContactID"], "set": {"Name": "After"}}])
    first.simulator.touch_some(tenant, "invoice", 5)
    first.simulator.advance_clock(90)
    first.simulator.behave({"page_cap": 100})
    with path.open("ab") as torn:
        torn.write(b'{"t":"put","tenant":"')

    second = Simulator(first.clock, journal=Journal(path))  # the first was never closed, as after kill -9
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    for resource in ("/Contacts", "/Invoices"):
        query = {"page": "1", "pageSize": "1000"}
        old, new = (s.call(tenant, resource, query, headers) for s in (first.simulator, second))
        assert (old.status, old.body[120:]) == (200, new.body[120:])
    assert second.now() == first.simulator.now()
    assert second.behaviour.page_cap == 100
    assert second.identity.issued == first.simulator.identity.issued
    second.behave({"page_cap": 7})
    assert Simulator(first.clock, journal=Journal(path)).behaviour.page_cap == 7


def test_without_a_journal_nothing_outlives_the_process(tmp_path: Path) -> None:
    a_browser(Simulator)
    assert os.listdir(tmp_path) == []
    assert Simulator(FakeClock()).organisations == {}


def test_sixteen_threads_changing_and_reading_leave_the_ledger_right(world: World) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(15):
                world.simulator.touch_some(world.tenant, "invoice", 5)
                assert len(world.get("/Invoices", page=1, pageSize=1000, order="InvoiceID")["Invoices"]) == 420
                change(world, kind="contact", op="create", set={"Name": f"From {number} {threading.get_ident()}"})
        except RefusedError:
            pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ledger(world)["invoices"] == sums_of_what_is_read(world)
    assert ledger(world)["contacts"]["all"] == len(world.all("/Contacts", includeArchived="true"))


def test_wrong_settings_are_all_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"SIMULATOR_SEED.*SIMULATOR_INVOICES"):
        Settings.from_env({"SIMULATOR_SEED": "x", "SIMULATOR_INVOICES": "many"})
    assert Settings.from_env({"SIMULATOR_SEED": "3"}).seed == 3
