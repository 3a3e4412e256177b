"""Create in Xero: one contact, once, and nothing that stands there is changed.

The order of things is what makes a crash harmless: the contact is looked for under the CRM's number, so that what an
earlier try created is found; then under its name; only then it is created. Whatever goes wrong begins with the first
look again, and so does whoever takes the request over.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from accounting_link.chassis import logs
from accounting_link.chassis.messages import LARGEST_VALUE_BYTES, Outgoing
from accounting_link.contracts.event import Scope
from accounting_link.contracts.exports import ContactExported, ContactExportRejected
from accounting_link.contracts.records import CustomerImported
from accounting_link.contracts.requests import ContactExportRequested
from accounting_link.contracts.words import ParkReason, Refusal
from xero_adapter.jobs import PARK_PAST, TRIES, WAITS, Tools, back_off
from xero_adapter.planning.permits import Granted, Wait
from xero_adapter.xero import contacts
from xero_adapter.xero.client import Answer
from xero_adapter.xero.reading import Call, read_contacts
from xero_adapter.xero.refusals import (
    ConnectionGone,
    Missing,
    NotGranted,
    NotValid,
    OrderRefused,
    Refused,
    Throttled,
    TokenExpired,
    Unavailable,
)
from xero_adapter.xero.tokens import Token

log = logs.logger()

_LABEL = "export"
_LONGEST_DETAIL = 1000
_LEFT_AS_IT_IS = "It was left as it is. Sync, so that it is imported, or choose another name."


class ExportTask:
    """For the pool, one call a turn. Ends with one answer that the broker has, and then ``finished``."""

    def __init__(
        self, tools: Tools, scope: Scope, request: ContactExportRequested, finished: Callable[[], None]
    ) -> None:
        self._tools, self._scope, self._request, self._finished = tools, scope, request, finished
        self._name = contacts.tidy(request.name)
        self._next: Callable[[Token, Granted], datetime | None] = self._look_for_number
        self._refused: Refused | None = None  # by Xero, when it was to create; it is looked for again, and that is all
        self._token: Token | None = None
        self._tries = 0
        self._may_be_made = False  # Xero was told to create it, and has not answered

    def __call__(self) -> datetime | None:
        with logs.bound(self._scope):
            try:
                return self._step()
            except (Throttled, Unavailable, TokenExpired) as error:
                return self._again(error.what)
            except ConnectionGone:
                return self._reject(Refusal.CONNECTION_LOST, _CONNECTION_LOST)
            except NotGranted:
                return self._reject(Refusal.NOT_GRANTED, _NOT_GRANTED)
            except Missing as missing:  # of a list there is always an answer
                return self._again(missing.what)
            except (Refused, OrderRefused) as refused:
                return self._reject(Refusal.NOT_VALID, refused.what)

    def _step(self) -> datetime | None:
        now = self._tools.clock.now()
        self._token = self._tools.caller.token(self._scope)
        permit = self._tools.caller.permit(self._token, self._scope)
        if isinstance(permit, Granted):
            return self._next(self._token, permit)
        return permit.until if permit.until - now <= PARK_PAST else self._reject(Refusal.LIMIT_REACHED, _until(permit))

    def _look_for_number(self, token: Token, permit: Granted) -> datetime | None:
        number = self._request.contact_number
        try:
            answer = self._call(token, permit, contacts.by_number(number))
        except Missing:
            self._may_be_made = False
            return self._without_number()
        return self._exported(contacts.sole(answer, number), permit)

    def _without_number(self) -> datetime | None:
        if self._refused is not None and not _is_taken(self._refused):
            return self._reject(Refusal.NOT_VALID, _words(self._refused))
        if not self._name:
            return self._reject(Refusal.NOT_VALID, "A contact in Xero needs a name.")
        return self._go_on(self._look_for_name)

    def _look_for_name(self, token: Token, permit: Granted) -> datetime | None:
        call = contacts.by_name(self._name) if self._refused is None else contacts.by_word(self._name)
        found = read_contacts(self._call(token, permit, call))
        same = [one for one in found if one.status == "ACTIVE" and contacts.same_name(one.name, self._name)]
        for one in same:
            if one.contact_number == self._request.contact_number:
                return self._exported(one, permit)
        if same:
            return self._reject(Refusal.ALREADY_THERE, _already_there(same[0].name), same[0].xero_id)
        if self._refused is not None:
            return self._reject(Refusal.ALREADY_THERE, _already_there(self._name))
        return self._go_on(self._create)

    def _create(self, token: Token, permit: Granted) -> datetime | None:
        number, key = self._request.contact_number, f"{self._request.export_id}-{self._scope.ask}"
        call = contacts.create(self._name, self._request.main_person, number, key)
        self._may_be_made = True
        try:
            answer = self._call(token, permit, call)
            self._tools.faults.reach("xero-adapter:after-create")
            contact = contacts.created(answer, number)
        except NotGranted:
            self._may_be_made = False
            raise
        except Refused as refused:  # also where a try whose answer was lost has created it, or another replica
            self._refused = refused
            return self._go_on(self._look_for_number)
        return self._exported(contact, permit)

    def _call(self, token: Token, permit: Granted, call: Call) -> Answer:
        return self._tools.call(token, self._scope, permit, _LABEL, call)

    def _go_on(self, following: Callable[[Token, Granted], datetime | None]) -> datetime:
        self._next = following
        return self._tools.clock.now()

    def _again(self, what: str) -> datetime | None:
        self._tries += 1
        if self._tries >= TRIES:
            return self._reject(Refusal.UNAVAILABLE, f"Xero does not answer ({what}, {TRIES} times). {_LOOKS_FIRST}")
        self._next = self._look_for_number
        pause = back_off(self._tries, self._tools.jitter())
        log.warning("trying again", export_id=self._request.export_id, problem=what, seconds=pause.total_seconds())
        return self._tools.clock.now() + pause

    def _exported(self, contact: CustomerImported, permit: Granted) -> datetime | None:
        event = ContactExported(export_id=self._request.export_id, contact=contact)
        said = Outgoing(event=event, scope=self._scope, reading=permit.reading)
        if len(self._tools.publisher.message(said).value) > LARGEST_VALUE_BYTES:
            return self._reject(Refusal.NOT_VALID, _TOO_LARGE)
        log.info("contact exported", export_id=self._request.export_id, xero_id=contact.xero_id)
        return self._tell(said, is_answered=True)

    def _reject(self, refusal: Refusal, detail: str, xero_id: str = "") -> datetime | None:
        # Without its words, which may name people.
        log.info("contact not exported", export_id=self._request.export_id, refusal=refusal)
        if self._may_be_made and refusal is not Refusal.UNAVAILABLE:
            detail = f"{detail} It may be in Xero all the same. {_LOOKS_FIRST}"
        event = ContactExportRejected(
            export_id=self._request.export_id, refusal=refusal, detail=detail[:_LONGEST_DETAIL], xero_id=xero_id
        )
        return self._tell(Outgoing(event=event, scope=self._scope), is_answered=refusal in _ANSWERED)

    def _tell(self, said: Outgoing, *, is_answered: bool) -> datetime | None:
        """``is_answered``: Xero let the last call through, so that it counts as a good one."""
        told = [said]
        if is_answered and self._token is not None:
            of_connection = Scope(account_id=self._scope.account_id, connection_id=self._scope.connection_id)
            told.append(Outgoing(event=self._tools.caller.counted(self._token), scope=of_connection))
        self._tools.publisher.confirmed(told)
        self._finished()
        return None


_ANSWERED = (Refusal.ALREADY_THERE, Refusal.NOT_VALID)
_CONNECTION_LOST = "Xero no longer accepts this connection. Connect again, then press Create in Xero once more."
_NOT_GRANTED = "The connection may not create contacts in Xero. To connect again, and to allow it, mends that."
_TOO_LARGE = "Xero tells more of this contact than can be taken over. Sync, so that what can be is imported."
_LOOKS_FIRST = "Create in Xero, pressed again, first looks whether it was made."


def _already_there(name: str) -> str:
    return f'Xero has an active contact called "{name}" already. {_LEFT_AS_IT_IS}'


def _is_taken(refused: Refused) -> bool:
    """xero-php 880, pinelab-vendure-plugins 505: "The contact name must be unique across all active contacts"."""
    return isinstance(refused, NotValid) and any("unique" in message.lower() for message in refused.messages)


def _words(refused: Refused) -> str:
    return " ".join(refused.messages) if isinstance(refused, NotValid) else refused.what


def _until(wait: Wait) -> str:
    after = wait.until + timedelta(seconds=59)  # a person reads minutes
    when = f"{after:%H:%M} UTC on {after.day} {after:%B %Y}"
    return f"{WAITS[wait.reason or ParkReason.XERO_ASKED_TO_WAIT]}. Try again after {when}."
