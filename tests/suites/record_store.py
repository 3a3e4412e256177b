"""What a record store must do: run on the twin in memory and on a real MongoDB.

A subclass gives the fixture ``records``: an empty store.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError

from accounting_link.chassis.messages import Place
from accounting_link.contracts.event import Scope
from accounting_link.contracts.records import VersionedRecord
from accounting_link.contracts.words import Result
from accounting_link.testing.builders import JULY, SCOPE, a_customer, an_invoice
from crm_writer.books import BooksOf, Records
from crm_writer.changes import Changes, Document
from crm_writer.copies import Copy
from crm_writer.putting_away import put_away

US, THEM = "legrand", "somebody-else"
PLACE = Place("records", 0)


def a_copy(event: VersionedRecord, reading: int = 1, scope: Scope = SCOPE, offset: int = 0) -> Copy:
    return Copy(event.record_kind(), event.xero_id, event.updated_at, reading, scope, PLACE, offset, event)


def a_company(id_: str, name: str, account_id: str = US) -> Document:
    return {"_id": id_, "account_id": account_id, "name": name, "name_key": name.lower(), "xero": {"parts": []}}


def write(records: Records, account_id: str, *changes: tuple[str, Any, Any]) -> None:
    """Each of (verb, collection, document or (id, fields))."""
    made = Changes()
    for verb, collection, what in changes:
        if verb == "set":
            made.set(collection, *what)
        else:
            getattr(made, verb)(collection, what)
    records.transact(lambda books_of: books_of(account_id).write(made))


def companies(records: Records, account_id: str, *ids: str) -> dict[str, Document]:
    found = records.transact(lambda books_of: books_of(account_id).companies(ids, ()))
    return {company["_id"]: company for company in found}


def everything_asked(records: Records, account_id: str) -> list[Any]:
    """Every way in which the writer reads, asked for what ``US`` owns."""

    def ask(books_of: BooksOf) -> list[Any]:
        books, kiwi = books_of(account_id), {("kiwi", "contact-1")}
        return [
            books.records({"kiwi/contact/contact-1"}),
            books.links({"kiwi/contact-1"}),
            books.companies((), {"company contact-1"}),
            books.people(kiwi),
            books.transactions({"kiwi/invoice/invoice-1"}),
            books.with_sales(kiwi),
            books.settled({"kiwi/contact/contact-1"}),
            books.organisations({"kiwi"}),
        ]

    return records.transact(ask)


class RecordStoreSuite:
    def test_what_one_transaction_wrote_the_next_one_reads(self, records: Records) -> None:
        write(records, US, ("insert", "companies", a_company("1", "Acme")))
        assert companies(records, US, "1") == {"1": a_company("1", "Acme")}

    def test_work_that_raises_leaves_nothing_behind(self, records: Records) -> None:
        changes = Changes()
        changes.insert("companies", a_company("1", "Acme"))

        def work(books_of: BooksOf) -> None:
            books_of(US).write(changes)
            raise LookupError

        with pytest.raises(LookupError):
            records.transact(work)
        assert companies(records, US, "1") == {}

    def test_nothing_of_another_account_is_found(self, records: Records) -> None:
        put_away(records, [a_copy(a_customer()), a_copy(an_invoice())], JULY)
        write(records, US, ("insert", "organisations", {"_id": "kiwi", "account_id": US}))
        assert not any(everything_asked(records, THEM))
        assert all(everything_asked(records, US))

    def test_nothing_of_another_account_is_touched(self, records: Records) -> None:
        write(records, US, ("insert", "companies", a_company("1", "Acme")))
        write(records, THEM, ("set", "companies", ("1", {"name": "Taken"})))
        write(records, THEM, ("replace", "companies", a_company("1", "Taken")))
        assert companies(records, US, "1") == {"1": a_company("1", "Acme")}

    def test_two_accounts_may_have_companies_of_the_same_name(self, records: Records) -> None:
        write(records, US, ("insert", "companies", a_company("1", "Acme")))
        write(records, THEM, ("insert", "companies", a_company("2", "Acme", THEM)))
        assert companies(records, THEM, "1", "2") == {"2": a_company("2", "Acme", THEM)}

    def test_one_account_never_has_two_companies_of_the_same_name(self, records: Records) -> None:
        write(records, US, ("insert", "companies", a_company("1", "Acme")))
        with pytest.raises((DuplicateKeyError, BulkWriteError)):
            write(records, US, ("insert", "companies", a_company("2", "Acme")))
        assert companies(records, US, "2") == {}

    def test_a_name_given_up_is_free_for_the_next_in_the_same_batch(self, records: Records) -> None:
        write(records, US, ("insert", "companies", a_company("1", "Acme")))
        renamed = ("1", {"name": "Acme Group", "name_key": "acme group"})
        write(records, US, ("set", "companies", renamed), ("insert", "companies", a_company("2", "Acme")))
        assert {id_: one["name"] for id_, one in companies(records, US, "1", "2").items()} == {
            "1": "Acme Group",
            "2": "Acme",
        }

    def test_setting_fields_leaves_the_others_as_they_are(self, records: Records) -> None:
        write(records, US, ("insert", "companies", {**a_company("1", "Acme"), "notes": "likes tea"}))
        write(records, US, ("set", "companies", ("1", {"xero": {"parts": [1]}})))
        assert companies(records, US, "1")["1"] == {
            **a_company("1", "Acme"),
            "notes": "likes tea",
            "xero": {"parts": [1]},
        }

    def test_amounts_and_times_come_back_as_they_were(self, records: Records) -> None:
        put_away(records, [a_copy(an_invoice(total="1234567.80", due="-0.05"))], JULY)
        [found] = records.transact(lambda books_of: books_of(US).transactions({"kiwi/invoice/invoice-1"}))
        assert (found["xero"]["total"], found["xero"]["due"]) == (Decimal("1234567.80"), Decimal("-0.05"))
        assert found["xero"]["updated_at"] == JULY

    def test_a_page_read_again_unchanged_raises_only_the_reading(self, records: Records) -> None:
        copies = [a_copy(an_invoice(str(number))) for number in range(3)]
        put_away(records, copies, JULY)
        ids = {copy.key for copy in copies}
        before = records.transact(lambda books_of: books_of(US).records(ids))
        told = put_away(records, [copy._replace(reading=9) for copy in copies], JULY)
        after = records.transact(lambda books_of: books_of(US).records(ids))
        assert by_id(after) == by_id([{**record, "reading": 9} for record in before])
        assert {outcome.result for _, outcome in told} == {Result.CREATED}  # by this same sync

    def test_a_batch_delivered_twice_tells_the_same_outcomes_and_changes_nothing(self, records: Records) -> None:
        copies = [a_copy(a_customer()), a_copy(a_customer("nameless", name=" ")), a_copy(an_invoice())]
        first = put_away(records, copies, JULY)
        stood = everything_asked(records, US)
        again = put_away(records, copies, JULY + timedelta(hours=1))
        assert [outcome for _, outcome in again] == [outcome for _, outcome in first]
        assert everything_asked(records, US) == stood

    def test_an_older_copy_changes_nothing_and_is_told_what_stands(self, records: Records) -> None:
        put_away(records, [a_copy(an_invoice(due="5.00", updated_at=JULY + timedelta(days=1)))], JULY)
        later = msgspec.structs.replace(SCOPE, sync_id="sync-2")
        [(_, outcome)] = put_away(records, [a_copy(an_invoice(), reading=7, scope=later)], JULY)
        assert outcome.result == Result.UNCHANGED
        assert outcome.version == JULY + timedelta(days=1)
        assert outcome.transaction is not None
        assert outcome.transaction.due == Decimal("5.00")

    def test_a_second_contact_of_the_same_name_joins_the_company(self, records: Records) -> None:
        put_away(records, [a_copy(a_customer("a", name="Acme Ltd"))], JULY)
        put_away(records, [a_copy(a_customer("b", name="  ACME   ltd "))], JULY)
        [company] = records.transact(lambda books_of: books_of(US).companies((), {"acme ltd"}))
        assert [part["contact_id"] for part in company["xero"]["parts"]] == ["a", "b"]
        links = records.transact(lambda books_of: books_of(US).links({"kiwi/a", "kiwi/b"}))
        assert {link["_id"]: link["how"] for link in links} == {"kiwi/a": "new", "kiwi/b": "name"}


def by_id(documents: list[Document]) -> dict[str, Document]:
    return {document["_id"]: document for document in documents}
