"""Create in Xero: a person asks for it here, xero-adapter does it, and what came of it is kept here.

One export a company and connection, or a person where there is no company: its id is made from both, so two clicks ask
once, and a copy that Xero tells of by our number finds it, whether that copy or ContactExported comes first. See
docs/decisions/0019-create-in-xero-where-contacts-are.md.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from accounting_link.chassis import logs
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.messages import Outgoing, Received
from accounting_link.chassis.problems import ProblemError, not_found
from accounting_link.contracts.event import Scope
from accounting_link.contracts.exports import ContactExported, ContactExportRejected
from accounting_link.contracts.people import Detail, PersonActed
from accounting_link.contracts.records import Person
from accounting_link.contracts.requests import ContactExportRequested
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Act
from crm_writer.books import Books, BooksOf, Records
from crm_writer.changes import Changes, Document
from crm_writer.contacts import said
from crm_writer.copies import to_the_millisecond
from crm_writer.directory import contact_key
from crm_writer.mapping.names import tidy
from crm_writer.reads import owners

log = logs.logger()

REQUESTED, CREATED, REFUSED = "requested", "created", "refused"
STATES = (REQUESTED, CREATED, REFUSED)
# xero-adapter answers always, and gives up after minutes; only a broker that forgets loses the question.
ASK_AGAIN_AFTER = timedelta(minutes=2)
OURS = "crm-"  # what our contact numbers begin with: bare, an id would look like one of Xero's

_EXPORTS = UUID("b5f6a8a4-5d0e-4f53-9c67-2c2b2f1d8d11")


def contact_number(crm_id: str) -> str:
    """What Xero keeps as the ContactNumber of a company or a person; at most 50 characters there."""
    return OURS + crm_id


def export_id(connection_id: str, number: str) -> str:
    return str(uuid5(_EXPORTS, f"{connection_id}\n{number}"))


def ask(
    records: Records, caller: Caller, connection_id: str, contact_id: str, now: datetime, reference: str
) -> Document:
    """The export as it stands; asked for twice it is the same one. Raises the 404 problem, also for what is another
    account's, and 409 for what Xero has already told of."""

    def work(books_of: BooksOf) -> Document:
        books = books_of(caller.account_id)
        organisation = _one(books.organisations({connection_id}))
        if organisation is None:
            raise _not_read()
        wanted = _subject(books, contact_id)
        # Once linked, a person without a company has one: what they were asked under may be either number.
        known = {one["_id"]: one for one in books.exports({export_id(connection_id, n) for n in wanted.numbers})}
        enough = _one(one for one in known.values() if _is_enough(books, one, now))
        if enough is not None:
            return enough
        _refuse_what_is_there(wanted, connection_id)
        # Xero holds it by the one it was asked for under.
        number = next((n for n in wanted.numbers if export_id(connection_id, n) in known), wanted.numbers[0])
        standing = known.get(export_id(connection_id, number))
        asked = _asked(caller, connection_id, wanted, number, standing, to_the_millisecond(now), reference)
        changes = Changes()
        if standing:
            changes.replace("exports", asked)
        else:
            changes.insert("exports", asked)
        books.write(changes)
        books.say(_aggregate(asked), asked["said"], [_request(asked, number, organisation, wanted)])
        return asked

    return records.transact(work)


def settle(records: Records, received: Sequence[Received], now: datetime) -> None:
    """Keeps what became of exports. Told again it changes nothing; late, neither."""

    def work(books_of: BooksOf) -> None:
        for one in received:
            _settle(books_of(one.scope.account_id), one, now)

    if received:
        records.transact(work)


def note_created(books: Books, export: Document, xero_id: str, now: datetime) -> None:
    """Xero holds it. Of each contact that was made there it is told once, for the audit log, who asked."""
    if export["state"] == CREATED:
        return
    at = to_the_millisecond(now)
    fields: Document = {"state": CREATED, "refusal": None, "detail": "", "xero_id": xero_id, "ended_at": at}
    if export["created"] != xero_id:
        fields |= {"created": xero_id, "said": export["said"] + 1}
        acted = PersonActed(
            act=Act.CREATED_IN_XERO,
            about=export["contact_id"],
            by=export["requested_by"],
            by_name=export["requested_by_name"],
            address=export["address"],
            at=at,
            details=(Detail(name="xero_contact", value=xero_id),),
        )
        scope = Scope(
            account_id=export["account_id"], connection_id=export["connection_id"], correlation_id=export["reference"]
        )
        books.say(_aggregate(export), fields["said"], [Outgoing(event=acted, scope=scope)])
    _note(books, export, fields)


def _is_enough(books: Books, export: Document, now: datetime) -> bool:
    """Is there no need to ask Xero? Not when what it made was removed here since, nor after so long a silence."""
    if export["state"] == CREATED:
        return bool(books.links({contact_key(export["connection_id"], export["xero_id"])}))
    is_young: bool = now - export["requested_at"] < ASK_AGAIN_AFTER
    return export["state"] == REQUESTED and is_young


def _not_read() -> ProblemError:
    return ProblemError(
        404,
        "not-found",
        "There is no such connection, or its organisation has not been read yet.",
        "Check the id; it may be another account's. Of one that is connected, sync once, or try again in a minute.",
    )


def _refuse_what_is_there(wanted: "_Subject", connection_id: str) -> None:
    if wanted.person.get("connection_id") == connection_id:
        raise ProblemError(409, "already-in-xero", "This contact is in Xero already.", "Open it in Xero.")
    company = wanted.company
    if company and any(part["connection_id"] == connection_id for part in company["xero"]["parts"]):
        what, do = f"{company['name']} is in Xero already.", "Open the company in Xero and add this person there."
        raise ProblemError(409, "already-in-xero", what, do)


class _Subject(NamedTuple):
    """Of what one contact is made in Xero."""

    person: Document
    company: Document | None

    @property
    def numbers(self) -> tuple[str, ...]:
        """First the one it goes by."""
        ids = (self.company["_id"], self.person["_id"]) if self.company else (self.person["_id"],)
        return tuple(map(contact_number, ids))

    @property
    def name(self) -> str:
        known = said(self.person)
        return str(self.company["name"]) if self.company else tidy(f"{known['first_name']} {known['last_name']}")


def _subject(books: Books, contact_id: str) -> _Subject:
    person = _one(books.people((), {contact_id}))
    if person is None:
        raise not_found("contact")
    if person.get("xero_contact_id"):
        contact = (person["connection_id"], person["xero_contact_id"])
        found = owners(books.links, lambda ids: books.companies(ids, ()), {contact})
        return _Subject(person, found.get(contact_key(*contact)))
    company_id = person.get("company_id")
    return _Subject(person, _one(books.companies({company_id}, ())) if company_id else None)


def _asked(
    caller: Caller,
    connection_id: str,
    wanted: _Subject,
    number: str,
    standing: Document | None,
    now: datetime,
    reference: str,
) -> Document:
    return {
        "_id": export_id(connection_id, number),
        "account_id": caller.account_id,
        "connection_id": connection_id,
        "contact_id": wanted.person["_id"],
        "company_id": wanted.company["_id"] if wanted.company else None,
        "name": wanted.name,
        "ask": standing["ask"] + 1 if standing else 1,
        "state": REQUESTED,
        "refusal": None,
        "detail": "",
        "xero_id": None,
        "created": standing["created"]
        if standing
        else None,  # which contact of Xero's, however often it is asked again
        "said": standing["said"] + 1 if standing else 1,  # how often in the outbox
        "requested_by": caller.user_id,
        "requested_by_name": caller.name,
        "address": caller.address,
        "requested_at": now,
        "ended_at": None,
        "reference": reference,
    }


def _request(export: Document, number: str, organisation: Document, wanted: _Subject) -> Outgoing:
    event = ContactExportRequested(
        tenant_id=organisation["tenant_id"],
        authorisation=organisation["authorisation"],
        export_id=export["_id"],
        contact_number=number,
        name=wanted.name,
        main_person=Person(**said(wanted.person)),
        requested_at=export["requested_at"],
    )
    scope = Scope(
        account_id=export["account_id"],
        connection_id=export["connection_id"],
        ask=export["ask"],
        authorisation=organisation["authorisation"],
        lane=Lane.INTERACTIVE,
        correlation_id=export["reference"],
    )
    return Outgoing(event=event, scope=scope)


def _settle(books: Books, received: Received, now: datetime) -> None:
    event = received.event
    assert isinstance(event, ContactExported | ContactExportRejected)
    export = _one(books.exports({event.export_id}))
    if export is None:
        log.warning("of no export that is known", export=event.export_id)
    elif isinstance(event, ContactExported):
        note_created(books, export, event.contact.xero_id, now)
    elif export["state"] == REQUESTED and export["ask"] == received.scope.ask:
        why = {"refusal": str(event.refusal), "detail": event.detail, "xero_id": event.xero_id or None}
        _note(books, export, {"state": REFUSED, **why, "ended_at": to_the_millisecond(now)})


def _aggregate(export: Document) -> str:
    return f"export/{export['_id']}"


def _note(books: Books, export: Document, fields: Document) -> None:
    changes = Changes()
    changes.set("exports", export["_id"], fields)
    books.write(changes)


def _one(found: Iterable[Document]) -> Document | None:
    return next(iter(found), None)
