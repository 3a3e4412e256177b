"""What is asked of Xero: the very calls that the adapter makes, one page each, and a few that it must survive."""

import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import requests
from msgspec.structs import replace

from accounting_link.chassis.clock import Clock
from accounting_link.contracts.records import Person
from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.words import Stream
from deploy.xero_check.consent import Consented
from xero_adapter import organisation
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.cursor import Cursor, Mode
from xero_adapter.planning.permits import CALL_DEADLINE, Said
from xero_adapter.xero import contacts, dates, reading
from xero_adapter.xero.client import Answer, HttpXero
from xero_adapter.xero.reading import Call
from xero_adapter.xero.refusals import XeroError
from xero_adapter.xero.tokens import Token

Doc = dict[str, Any]

SMALL = 5  # records of a small page
_ALONE_AT_MOST = 5
_AT_ONCE = 10
_MINUTE_SECONDS = 61.0
_TIMEOUT = (3.05, 30.0)
_CHECKING = Person(first_name="Checking", last_name="Assumptions")


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One call and what Xero said. ``sent`` are headers of ours, never the token."""

    name: str
    path: str
    answer: Answer
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def body(self) -> Any:
        """Its JSON, amounts as Decimal; None for what is none."""
        try:
            return json.loads(self.answer.body, parse_float=Decimal)
        except ValueError:
            return None

    @property
    def rows(self) -> list[Doc]:
        """The records of a list; empty where there is none."""
        name = self.path.partition("/")[0]
        body = self.body if isinstance(self.body, dict) else {}
        found = body.get(name) or body.get(f"{name}s")
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


@dataclass(kw_only=True)
class Seen:
    """Everything that was answered, by the name of the call, in the order of the calls."""

    consented: Consented
    scopes: tuple[str, ...]
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    link_status: int | None = None  # of the deep link

    def of(self, name: str) -> Exchange | None:
        """None also for an answer that is no success."""
        found = self.exchanges.get(name)
        return found if found and found.answer.status == 200 else None

    def rows(self, name: str) -> list[Doc]:
        found = self.of(name)
        return found.rows if found else []

    def row(self, name: str) -> Doc:
        return next(iter(self.rows(name)), {})


@dataclass(kw_only=True)
class Tour:
    """One organisation, one walk through it. ``tell`` is told what goes on, ``pause`` waits for Xero's minute."""

    api_url: str
    token: Token
    clock: Clock
    seen: Seen
    tell: Callable[[str], object]
    pause: Callable[[float], object]

    def __post_init__(self) -> None:
        self._xero = HttpXero(self.api_url, CALL_DEADLINE, self.clock)

    def ask(self, name: str, call: Call, token: Token | None = None) -> Exchange | None:
        """As the adapter asks. None when nothing whole came back, which is told."""
        try:
            if call.body:
                answer = self._xero.put(self.token, call.path, call.body, call.headers)
            else:
                answer = self._xero.get(token or self.token, call.path, call.query, call.headers)
        except XeroError as error:
            self.tell(f"{name}: {error.what}")
            return None
        method = "PUT" if call.body else "GET"
        return self._keep(
            Exchange(name=name, path=call.path, method=method, query=call.query, sent=call.headers, answer=answer)
        )

    def _keep(self, exchange: Exchange) -> Exchange:
        self.seen.exchanges[exchange.name] = exchange
        if exchange.answer.headers.get("X-MinLimit-Remaining", "60") in ("0", "1", "2"):
            self.tell("Waiting a minute: Xero lets through 60 calls a minute")
            self.pause(_MINUTE_SECONDS)
        return exchange

    # -- reading

    def read(self) -> None:
        self.ask("organisation", organisation.CALL)
        for stream in Stream:
            self.tell(f"Reading {stream.replace('_', ' ')}")
            self._stream(stream)
        self._contacts()
        self._invoice()
        self._refusals()

    def _stream(self, stream: Stream) -> None:
        begin = cursors.begin(None)
        first = self.ask(stream, reading.call(stream, begin))
        small = self.ask(f"{stream}-small", reading.call(stream, begin, SMALL))
        following = _following(stream, begin, small)
        if following:
            self.ask(f"{stream}-next", reading.call(stream, following, SMALL))
        for page in (1, 2):
            by_id = Cursor(since=None, mode=Mode.BY_ID, page=page)
            self.ask(f"{stream}-by-id-{page}", reading.call(stream, by_id, SMALL))
        times = sorted(filter(None, map(updated, first.rows if first else ())))
        if times:
            middle = cursors.begin(times[len(times) // 2])
            self.ask(f"{stream}-since", reading.call(stream, middle))
        answered_at = dates.header(first.answer.headers.get("Date")) if first else None
        later = cursors.begin((answered_at or self.clock.now()) + timedelta(seconds=2))
        self.ask(f"{stream}-nothing-newer", reading.call(stream, later))

    def _contacts(self) -> None:
        rows = self.seen.rows(Stream.CONTACTS)
        archived = [row for row in rows if row.get("ContactStatus") == "ARCHIVED"]
        ids = [row["ContactID"] for row in (*archived[:SMALL], *rows) if "ContactID" in row]
        wanted = (*dict.fromkeys(ids[: reading.IDS_A_CALL - 1]), str(uuid.uuid4()))
        self.ask("named", reading.call(Stream.CONTACTS, cursors.by_name(), ids=wanted))
        usual = reading.call(Stream.CONTACTS, cursors.begin(None)).query
        query = {name: value for name, value in usual.items() if name != "includeArchived"}
        self.ask("active-only", Call(path="Contacts", query=query, headers={}))
        for number, row in enumerate(archived[:_ALONE_AT_MOST], 1):
            self.ask(f"archived-{number}", Call(path=f"Contacts/{row['ContactID']}", query={}, headers={}))

    def _invoice(self) -> None:
        approved = [row for row in self.seen.rows(Stream.INVOICES) if _is_approved_sale(row)]
        if approved:
            path = f"Invoices/{approved[0]['InvoiceID']}"
            self.ask("invoice-pdf", Call(path=path, query={}, headers={"Accept": "application/pdf"}))
            self.ask("online-invoice", Call(path=f"{path}/OnlineInvoice", query={}, headers={}))

    def _refusals(self) -> None:
        self.ask("no-filter", Call(path="Invoices", query={"where": "Colour==1", "page": "1"}, headers={}))
        self.ask("no-token", organisation.CALL, replace(self.token, access_token="made-up"))
        self.ask("not-connected", organisation.CALL, replace(self.token, tenant_id=str(uuid.uuid4())))

    def open(self, deep_link_url: str) -> None:
        """The address under which the pages open a contact, as somebody who is not signed in would see it."""
        code, contact = self.seen.row("organisation").get("ShortCode"), self.seen.row(Stream.CONTACTS).get("ContactID")
        if code and contact:
            query = urlencode({"shortcode": code, "redirecturl": f"/Contacts/View/{contact}"})
            answer = requests.get(f"{deep_link_url}?{query}", timeout=_TIMEOUT, allow_redirects=False)
            self.seen.link_status = answer.status_code

    def burst(self) -> None:
        """Ten calls at once, of which Xero is to refuse some."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names = [f"at-once-{number}" for number in range(1, _AT_ONCE + 1)]
            list(pool.map(lambda name: self.ask(name, organisation.CALL), names))

    # -- writing

    def write(self) -> None:
        """One contact, as Create in Xero makes it: created, again by the same key, another of its name, another of its
        number, looked for in each way, archived, changed."""
        unique, key = uuid.uuid4().hex[:12], str(uuid.uuid4())
        name, number = f"Accounting Link check {unique} é & 100%", f"crm-check-{unique}"
        made = self.ask("created", contacts.create(name, _CHECKING, number, key))
        self.ask("created-again", contacts.create(name, _CHECKING, number, key))
        self.ask("same-name", contacts.create(name, Person(first_name="Eve"), "", str(uuid.uuid4())))
        other = f"{name} again"
        self.ask("same-number", contacts.create(other, Person(first_name="Eve"), number, str(uuid.uuid4())))
        self.ask("by-name", contacts.by_name(name.upper().replace("É", "e")))
        self.ask("by-word", contacts.by_word(name))
        self.ask("by-number", contacts.by_number(number))
        self.ask("by-nobodys-number", contacts.by_number(f"{number}0"))
        if made and made.rows:
            path = f"Contacts/{made.rows[0]['ContactID']}"
            self.ask("as-it-was", Call(path=path, query={}, headers={}))
            self._send("archived", "POST", path, {"ContactStatus": "ARCHIVED"}, str(uuid.uuid4()))
            self._send("changed-archived", "POST", path, {"FirstName": "Ada"}, str(uuid.uuid4()))
            self.ask("archived-by-number", contacts.by_number(number))

    def _send(self, name: str, method: str, path: str, contact: Doc, key: str) -> Exchange:
        token = self.token
        headers = {"xero-tenant-id": token.tenant_id, "Accept": "application/json", "Idempotency-Key": key}
        url, body = f"{self.api_url}/{path}", {"Contacts": [contact]}
        signed = {**headers, "Authorization": f"Bearer {token.access_token}"}
        got = requests.request(method, url, json=body, headers=signed, timeout=_TIMEOUT, allow_redirects=False)
        answer = Answer(status=got.status_code, headers=got.headers, body=got.content, egress=len(got.content))
        return self._keep(Exchange(name=name, path=path, method=method, answer=answer))


def _is_approved_sale(row: Doc) -> bool:
    return row.get("Type") == "ACCREC" and row.get("Status") in ("AUTHORISED", "PAID")


def updated(row: Doc) -> Any:
    """When a record was changed, as the adapter reads it; None where it cannot."""
    try:
        return dates.instant(str(row.get("UpdatedDateUTC")))
    except ValueError:
        return None


def _following(stream: Stream, begin: Cursor, small: Exchange | None) -> Cursor | None:
    """Where the adapter would read on."""
    if small is None or small.answer.status != 200:
        return None
    try:
        return cursors.follow(begin, reading.read(stream, small.answer, SyncSettings(), SMALL).page)
    except XeroError:
        return None


def said(exchange: Exchange) -> Said:
    """What the adapter takes from its headers."""
    return Said.of(exchange.answer.headers, 5000)
