"""The organisation itself, read once a day beside whatever is asked for: its name, short code, currency, time zone.

Nothing waits for it. What goes wrong is tried again with the next request; only a read that was published counts.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import field

from accounting_link.chassis import logs
from accounting_link.chassis.messages import Outgoing
from accounting_link.contracts.event import Scope
from accounting_link.contracts.organisations import OrganisationRead
from xero_adapter import metrics
from xero_adapter.jobs import PARK_PAST, Tools
from xero_adapter.planning.permits import Wait
from xero_adapter.store import Known
from xero_adapter.xero import zones
from xero_adapter.xero.reading import Call
from xero_adapter.xero.refusals import XeroError

log = logs.logger()

EVERY = timedelta(days=1)
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
        with metrics.CALL_SECONDS.labels("organisation").time():
            answer = caller.call(token, self._scope, permit, CALL)
        metrics.CALLS.labels("organisation", str(answer.status)).inc()
        metrics.EGRESS_BYTES.inc(answer.egress)
        event = told(answer.body, self._tenant_id, now)
        self._tools.publisher.confirmed([Outgoing(event=event, scope=self._scope, reading=permit.reading)])
        self._tools.organisations.change(self._scope.connection_id, lambda _: (Known(read_at=now), None))
        return None

    def _is_due(self) -> bool:
        now = self._tools.clock.now()
        read_at = self._tools.organisations.change(self._scope.connection_id, lambda known: (known, known.read_at))
        return read_at is None or now - read_at >= EVERY


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
