"""One batch of copies put away in one transaction: read what stands, decide, write. Says what became of each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from accounting_link.contracts.outcomes import Outcome
from accounting_link.contracts.records import ContactImported, SaleImported
from accounting_link.contracts.words import Kind
from crm_writer.books import Books, BooksOf, Records
from crm_writer.changes import Changes, Document
from crm_writer.copies import Copy, record_key
from crm_writer.decide import Decision, Entry, Newer, decide, newer, outcome
from crm_writer.directory import Directory, contact_key
from crm_writer.exports import OURS, export_id, note_created
from crm_writer.mapping.companies import ContactMade
from crm_writer.mapping.names import folded
from crm_writer.mapping.rules import refused_as_supplier
from crm_writer.removing import is_forgotten
from crm_writer.standing import of_document, to_document

IsForgotten = Callable[[Copy, dict[str, int]], bool]
Told = list[tuple[Copy, Outcome]]


def put_away(
    records: Records,
    copies: Sequence[Copy],
    now: datetime,
    newer: Newer = newer,
    is_forgotten: IsForgotten = is_forgotten,
) -> Told:
    """All is written when this returns. One outcome a record and sync, beside the last copy it is about; none of a copy
    that was read before its connection's imports were removed."""
    by_account: defaultdict[str, list[Copy]] = defaultdict(list)
    for copy in copies:
        by_account[copy.scope.account_id].append(copy)

    def work(books_of: BooksOf) -> Told:
        return [
            told
            for account_id, of_account in by_account.items()
            for told in _put_away(books_of(account_id), account_id, of_account, now, newer, is_forgotten)
        ]

    return records.transact(work) if copies else []


def _put_away(
    books: Books, account_id: str, copies: list[Copy], now: datetime, newer: Newer, is_forgotten: IsForgotten
) -> Told:
    forgotten = books.tombstones({copy.scope.connection_id for copy in copies})
    if forgotten:
        copies = [copy for copy in copies if not is_forgotten(copy, forgotten)]
    if not copies:
        return []
    standing = {document["_id"]: of_document(document) for document in books.records({copy.key for copy in copies})}
    decision = decide(copies, standing, _with_sales(books, copies), now, newer)
    changes = Changes()
    _list_changes(decision, account_id, changes)
    if decision.contacts:
        directory = _directory(books, account_id, decision)
        for contact in decision.contacts:
            directory.put(contact, changes)
        for key, export in directory.exports.items():
            note_created(books, export, directory.links[key]["contact_id"], now)
    stale = decision.stale_sales()
    looked_up = {document["_id"]: document for document in books.transactions(stale)} if stale else {}
    is_here = _is_here(books, decision, looked_up)
    books.write(changes)
    return [
        (copy, outcome(copy, decision.entries[key], looked_up, is_here)) for (_, key), copy in decision.last.items()
    ]  # fmt: skip


def _is_here(books: Books, decision: Decision, looked_up: Mapping[str, Document]) -> Callable[[str], bool]:
    """Of the contacts of the batch's sales: known, and not only left out as suppliers."""
    owners = {
        record_key(entry.record.connection_id, Kind.CONTACT, entry.event.contact_id)
        for entry in decision.entries.values()
        if isinstance(entry.event, SaleImported)
    }
    owners |= {
        record_key(sale["connection_id"], Kind.CONTACT, sale["xero"]["contact_id"]) for sale in looked_up.values()
    }
    here = books.settled(owners - decision.entries.keys()) if owners else set()
    for id_ in owners & decision.entries.keys():
        if not decision.entries[id_].record.is_missing_to_its_sales():
            here.add(id_)
    return here.__contains__


def _with_sales(books: Books, copies: Iterable[Copy]) -> set[str]:
    """Of the suppliers that the settings would refuse, those to whom something was sold."""
    refused, sold_to = set(), set()
    for copy in copies:
        event = copy.event
        if isinstance(event, SaleImported):
            sold_to.add((copy.scope.connection_id, event.contact_id))
        elif isinstance(event, ContactImported) and refused_as_supplier(event):
            refused.add((copy.scope.connection_id, event.xero_id))
    if not refused:
        return set()
    return books.with_sales(refused) | {contact_id for _, contact_id in refused & sold_to}


def _directory(books: Books, account_id: str, decision: Decision) -> Directory:
    contacts: list[ContactMade] = decision.contacts
    links = {link["_id"]: link for link in books.links({contact_key(c.connection_id, c.contact_id) for c in contacts})}
    exports = _exports(books, [c for c in contacts if contact_key(c.connection_id, c.contact_id) not in links])
    made_of = {export["company_id"] for export in exports.values()} - {None}
    found = books.companies(
        {link["company_id"] for link in links.values()} | made_of, {folded(c.name or c.contact_id) for c in contacts}
    )
    directory = Directory(account_id, links, {company["_id"]: company for company in found}, exports)
    linked = {(link["connection_id"], link["contact_id"]) for link in links.values()}
    sent = {export["contact_id"] for export in exports.values()}
    if linked or sent:
        directory.know(books.people(linked, sent))
    # Somebody who lost the link when imports were removed, and stayed, is linked again by id.
    known = {id_ for people in directory.people.values() for id_ in people}
    known |= {own for link in links.values() for own in link.get("people", {}).values()}
    if lost := {person_id for contact in contacts for person_id in contact.people} - known:
        directory.know(books.people((), lost))
    if made_of:
        directory.know(books.people_of_companies(made_of))
    return directory


def _exports(books: Books, contacts: Iterable[ContactMade]) -> dict[str, Document]:
    """Of these contacts, those that the CRM itself had Xero make, by contact key."""
    wanted = {
        export_id(contact.connection_id, contact.part["contact_number"]): contact_key(
            contact.connection_id, contact.contact_id
        )
        for contact in contacts
        if contact.part["contact_number"].startswith(OURS)
    }
    return {wanted[export["_id"]]: export for export in books.exports(wanted)} if wanted else {}


def _list_changes(decision: Decision, account_id: str, changes: Changes) -> None:
    for entry in decision.entries.values():
        record = entry.record
        if not entry.stored:
            changes.insert("xero_records", to_document(record, account_id))
        elif entry.changed:
            changes.replace("xero_records", to_document(record, account_id))
        elif entry.raised:
            changes.raised[record.reading, record.authorisation].append(record.id)
        if entry.sale is not None:
            _list_sale(entry, account_id, changes)


def _list_sale(entry: Entry, account_id: str, changes: Changes) -> None:
    record = entry.record
    if entry.existed:
        changes.set("transactions", record.id, {"xero": entry.sale})
        return
    changes.insert(
        "transactions",
        {
            "_id": record.id,
            "account_id": account_id,
            "connection_id": record.connection_id,
            "kind": record.kind.value,
            "xero_id": record.xero_id,
            "xero": entry.sale,
        },
    )
