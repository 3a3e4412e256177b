"""Who is imported and as what, from one copy of a record."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting_link.contracts.records import ContactImported, InvoiceLine, Person, VersionedRecord
from accounting_link.contracts.words import Result, Suppliers
from accounting_link.testing.builders import JULY, a_customer, a_supplier, an_invoice
from crm_writer.changes import Document
from crm_writer.memory import MemoryRecords
from crm_writer.putting_away import put_away
from tests.suites.record_store import a_copy

NOBODY = Person()
BLANK = st.text(" \t\n\u00a0", max_size=3)


class World:
    """A store, and records that come into it one batch each, every one newer than the one before."""

    def __init__(self) -> None:
        self.records, self._reading = MemoryRecords(), 0

    def comes(self, *events: VersionedRecord) -> tuple[Result, str]:
        self._reading += 1
        told = put_away(self.records, [a_copy(event, self._reading) for event in events], JULY)
        return told[-1][1].result, told[-1][1].reason

    def all(self, collection: str) -> list[Document]:
        return list(self.records.tables[collection].values())

    @property
    def part(self) -> Any:
        [company] = self.all("companies")
        [part] = company["xero"]["parts"]
        return part


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("contact", "reason"),
    [
        (a_customer(name=""), "no company name"),
        (a_customer(main_person=NOBODY), "no contact person with a last name"),
        (a_customer(name=" ", main_person=NOBODY), "no company name, no contact person with a last name"),
        (a_supplier(), "suppliers are not imported"),
        (a_supplier(setting=Suppliers.SELECTED), "not among the selected suppliers"),
        (a_supplier(setting=Suppliers.ALL, name=""), "no company name"),
    ],
)
def test_a_contact_that_may_not_come_in_is_left_out_and_told_why(
    world: World, contact: ContactImported, reason: str
) -> None:
    assert world.comes(contact) == (Result.LEFT_OUT, reason)
    assert not world.all("companies") + world.all("contacts") + world.all("links")


@pytest.mark.parametrize(
    "contact",
    [
        a_customer(),
        a_customer(is_customer=False),
        a_customer(is_supplier=True),
        a_customer(main_person=NOBODY, persons=(Person(last_name="Hopper"),)),
        a_customer(status="ARCHIVED"),
        a_supplier(setting=Suppliers.ALL),
        a_supplier(setting=Suppliers.SELECTED, selected=True),
    ],
)
def test_a_contact_with_a_name_and_a_person_comes_in(world: World, contact: ContactImported) -> None:
    assert world.comes(contact) == (Result.CREATED, "")
    assert len(world.all("companies")) == 1


@given(BLANK, BLANK)
def test_white_space_is_no_name(name: str, last_name: str) -> None:
    result, reason = World().comes(a_customer(name=name, main_person=Person(first_name="Ada", last_name=last_name)))
    assert (result, reason) == (Result.LEFT_OUT, "no company name, no contact person with a last name")


def test_of_who_is_left_out_only_id_name_and_reason_are_kept(world: World) -> None:
    world.comes(a_customer(name=" Acme ", main_person=Person(first_name="Ada", email="ada@example.com")))
    [record] = world.all("xero_records")
    assert (record["name"], record["state"]) == ("Acme", "left_out")
    assert "ada" not in str(world.records.tables).lower()


def test_of_who_is_imported_the_record_keeps_no_name(world: World) -> None:
    world.comes(a_customer(name=""))
    world.comes(a_customer(name="Acme"))
    [record] = world.all("xero_records")
    assert "name" not in record


def test_a_supplier_to_whom_something_was_sold_is_a_customer(world: World) -> None:
    world.comes(an_invoice(contact_id="supplier-1"))
    assert world.comes(a_supplier()) == (Result.CREATED, "")
    assert world.part["is_customer"]


def test_a_sale_in_the_same_batch_counts(world: World) -> None:
    assert world.comes(an_invoice(contact_id="supplier-1"), a_supplier()) == (Result.CREATED, "")


def test_control_a_sale_to_somebody_else_does_not(world: World) -> None:
    assert world.comes(an_invoice(contact_id="another"), a_supplier())[0] == Result.LEFT_OUT


def test_persons_without_a_last_name_are_left_out_one_by_one_and_noted(world: World) -> None:
    world.comes(a_customer(persons=(Person(first_name="Cher"), Person(last_name="Hopper"), Person(email="x@y.nz"))))
    assert {person["xero"]["last_name"] for person in world.all("contacts")} == {"Lovelace", "Hopper"}
    assert world.part["notes"] == ["Cher is left out: no last name", "x@y.nz is left out: no last name"]


def test_a_company_here_whose_last_name_vanished_stays_and_is_marked(world: World) -> None:
    world.comes(a_customer())
    assert world.comes(a_customer(main_person=NOBODY))[0] == Result.CREATED  # by this same sync
    assert world.part["notes"] == [
        "stays here, though it would not be imported today: no contact person with a last name"
    ]
    [person] = world.all("contacts")
    assert (person["xero"]["last_name"], person["xero"]["gone"]) == ("Lovelace", True)


def test_a_person_who_comes_back_is_no_longer_gone(world: World) -> None:
    for persons in ((Person(last_name="Hopper"),), (), (Person(last_name="Hopper"),)):
        world.comes(a_customer(persons=persons))
    assert [person["xero"]["gone"] for person in world.all("contacts")] == [False, False]


def test_persons_alike_stay_two(world: World) -> None:
    world.comes(a_customer(persons=(Person(last_name="Hopper"), Person(last_name="HOPPER "))))
    assert len(world.all("contacts")) == 3


def test_an_archived_and_merged_contact_is_shown_as_what_it_is(world: World) -> None:
    world.comes(a_customer(status="ARCHIVED", merged_to="contact-9"))
    assert (world.part["status"], world.part["merged_to"]) == ("ARCHIVED", "contact-9")


def test_a_company_is_renamed_as_its_only_contact_is(world: World) -> None:
    world.comes(a_customer(name="Acme"))
    world.comes(a_customer(name="Acme  Group"))
    assert [(one["name"], one["name_key"]) for one in world.all("companies")] == [("Acme Group", "acme group")]


def test_a_company_does_not_take_the_name_of_another(world: World) -> None:
    world.comes(a_customer("a", name="Acme"), a_customer("b", name="Bolt"))
    world.comes(a_customer("b", name="ACME"))
    assert sorted(one["name"] for one in world.all("companies")) == ["Acme", "Bolt"]


def test_names_handed_on_in_one_batch_are_no_trouble(world: World) -> None:
    world.comes(a_customer("a", name="One"), a_customer("b", name="Two"))
    world.comes(a_customer("b", name="Three"), a_customer("a", name="Two"), a_customer("c", name="One"))
    assert sorted(one["name"] for one in world.all("companies")) == ["One", "Three", "Two"]


def test_the_own_fields_of_the_crm_are_never_touched(world: World) -> None:
    world.comes(a_customer(name="Acme"))
    world.all("companies")[0]["notes"] = "likes tea"
    world.all("contacts")[0]["owner"] = "kim"
    world.comes(a_customer(name="Acme Group", main_person=Person(last_name="Byron")))
    assert world.all("companies")[0]["notes"] == "likes tea"
    assert world.all("contacts")[0]["owner"] == "kim"


def test_a_sale_comes_in_without_its_contact_being_here(world: World) -> None:
    world.comes(a_customer(name=""))
    assert world.comes(an_invoice()) == (Result.CREATED, "")
    assert world.all("transactions")[0]["xero"]["contact_id"] == "contact-1"


def test_a_sale_is_kept_whole(world: World) -> None:
    line = InvoiceLine(description="Hats", quantity=Decimal("1.5"), unit_amount=Decimal("10.0000"), amount=Decimal(15))
    world.comes(an_invoice(lines=(line,), date=date(2026, 7, 1), due_date=date(2026, 7, 31), currency_rate=Decimal(2)))
    [found] = world.all("transactions")
    assert found["xero"]["lines"][0]["unit_amount"] == Decimal("10.0000")
    assert (found["xero"]["date"], found["xero"]["due_date"]) == ("2026-07-01", "2026-07-31")
    assert found["xero"]["updated_at"] == JULY


def test_only_a_later_date_at_xero_is_unchanged_but_moves_what_is_shown_as_fresh(world: World) -> None:
    world.comes(an_invoice(), a_customer())
    later = JULY + timedelta(days=1)
    [before] = [one["digest"] for one in world.all("xero_records") if one["kind"] == "invoice"]
    world.comes(an_invoice(updated_at=later), a_customer(updated_at=later))
    assert world.all("transactions")[0]["xero"]["updated_at"] == world.part["updated_at"] == later
    assert before in {one["digest"] for one in world.all("xero_records")}
