"""The organisation itself, read once a day beside whatever is asked for: its name, short code, currency, time zone;
and when it was connected, with how much it holds.

Nothing waits for it. What goes wrong is tried again with the next request; only a read that was published counts.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from msgspec import field

from accounting_link.chassis import logs
from accounting_link.chassis.messages import Outgoing
from accounting_link.contracts.event import Scope
from accounting_link.contracts.organisations import OrganisationRead, StreamCount
from accounting_link.contracts.words import Stream
from xero_adapter.jobs import PARK_PAST, Tools
from xero_adapter.planning.permits import Wait
from xero_adapter.store import Known
from xero_adapter.xero import reading, zones
from xero_adapter.xero.reading import Call
from xero_adapter.xero.refusals import ConnectionGone, XeroError
from xero_adapter.xero.tokens import Token

log = logs.logger()

EVERY = timedelta(days=1)
_TRIES, _PAUSE = 5, timedelta(seconds=2)
CALL = Call(path="Organisation", query={}, headers={})


class _Organisation(msgspec.Struct, rename="pascal"):
    name: str
    short_code: str | None = None
    base_currency: str | None = None
    country_code: str | None = None
    timezone: str | None = None


class _Organisations(msgspec.Struct):
    items: list[_Organisation] = field(name="Organisations")


class OrganisationTask:
    """For the pool: one call at most, and none while the last one is young."""

    def __init__(self, tools: Tools, scope: Scope, tenant_id: str) -> None:
        self._tools, self._scope, self._tenant_id = tools, scope, tenant_id

    def __call__(self) -> datetime | None:
        with logs.bound(self._scope):
            if not self._is_due():
                return None
            try:
                return self._read()
            except (XeroError, msgspec.MsgspecError, LookupError) as error:
                log.warning("the organisation could not be read", problem=str(error))
                return None

    def _read(self) -> datetime | None:
        caller, now = self._tools.caller, self._tools.clock.now()
        token = caller.token(self._scope)
        permit = caller.permit(token, self._scope)
        if isinstance(permit, Wait):
            return permit.until if permit.until - now <= PARK_PAST else None
        answer = self._tools.call(token, self._scope, permit, "organisation", CALL)
        event = told(answer.body, self._tenant_id, now)
        self._tools.publisher.confirmed([Outgoing(event=event, scope=self._scope, reading=permit.reading)])
        _note_read(self._tools, self._scope, now)
        return None

    def _is_due(self) -> bool:
        now = self._tools.clock.now()
        read_at = self._tools.organisations.change(self._scope.connection_id, lambda known: (known, known.read_at))
        return read_at is None or now - read_at >= EVERY


class CountsTask:
    """For the pool, one call a turn: the organisation, then a page of one of each stream. A person waits for it,
    and can do without: what fails several times in a row is given up."""

    def __init__(self, tools: Tools, scope: Scope, tenant_id: str, finished: Callable[[], None]) -> None:
        self._tools, self._scope, self._tenant_id, self._finished = tools, scope, tenant_id, finished
        self._left = list(Stream)
        self._counts: list[StreamCount] = []
        self._told: OrganisationRead | None = None
        self._reading, self._tries = 0, 0

    def __call__(self) -> datetime | None:
        with logs.bound(self._scope):
            try:
                return self._step()
            except ConnectionGone as error:
                return self._give_up(str(error))
            except (XeroError, msgspec.MsgspecError, LookupError) as error:
                self._tries += 1
                if self._tries >= _TRIES:
                    return self._give_up(str(error))
                return self._tools.clock.now() + _PAUSE

    def _step(self) -> datetime | None:
        now = self._tools.clock.now()
        token = self._tools.caller.token(self._scope)
        permit = self._tools.caller.permit(token, self._scope)
        if isinstance(permit, Wait):
            return permit.until if permit.until - now <= PARK_PAST else self._give_up("Xero's limits are used up")
        if self._told is None:
            answer = self._tools.call(token, self._scope, permit, "organisation", CALL)
            self._told, self._reading = told(answer.body, self._tenant_id, now), permit.reading
            return now
        stream = self._left[0]
        answer = self._tools.call(token, self._scope, permit, stream, reading.call_to_count(stream))
        number = reading.count(stream, answer)
        self._counts += [StreamCount(stream=stream, count=number)] if number is not None else []
        del self._left[0]
        return now if self._left else self._tell(token, self._told)

    def _tell(self, token: Token, organisation: OrganisationRead) -> datetime | None:
        event = msgspec.structs.replace(organisation, counts=tuple(self._counts))
        of_connection = Scope(account_id=self._scope.account_id, connection_id=self._scope.connection_id)
        counted = Outgoing(event=self._tools.caller.counted(token), scope=of_connection)
        self._tools.publisher.confirmed([Outgoing(event=event, scope=self._scope, reading=self._reading), counted])
        _note_read(self._tools, self._scope, event.read_at)
        self._finished()
        return None

    def _give_up(self, problem: str) -> datetime | None:
        log.warning("the organisation could not be looked at", problem=problem)
        self._finished()
        return None


def _note_read(tools: Tools, scope: Scope, at: datetime) -> None:
    tools.organisations.change(scope.connection_id, lambda _: (Known(read_at=at), None))


def told(body: bytes, tenant_id: str, now: datetime) -> OrganisationRead:
    """Raises a msgspec error or LookupError for what is no answer about an organisation."""
    wire = msgspec.json.decode(body, type=_Organisations).items[0]
    return OrganisationRead(
        tenant_id=tenant_id,
        name=wire.name,
        short_code=wire.short_code or "",
        base_currency=wire.base_currency or "",
        country=wire.country_code or "",
        time_zone=zones.iana(wire.timezone),
        xero_time_zone=wire.timezone or "",
        read_at=now,
    )
