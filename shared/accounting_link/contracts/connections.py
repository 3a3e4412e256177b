"""Events of a connection between an account of the CRM and one Xero organisation."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Scope, Time
from accounting_link.contracts.topics import CONNECTIONS, Topic


class ConnectionEvent(Event, frozen=True, kw_only=True):
    """``authorisation`` is raised by each consent and each disconnect: what speaks of a lower one than is
    already known is ignored."""

    TOPIC: ClassVar[Topic] = CONNECTIONS

    tenant_id: str  # Xero's id of the organisation
    authorisation: int

    def key(self, scope: Scope) -> str:
        return scope.connection_id

    def subject(self) -> str:
        return self.tenant_id

    def version(self) -> str:
        return str(self.authorisation)


class ConnectionEstablished(ConnectionEvent, frozen=True, kw_only=True):
    """A person consented, and the connection stands at Xero."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ConnectionEstablished.v1"

    tenant_name: str
    connected_by: str  # user id
    connected_at: Time


class ConnectionLost(ConnectionEvent, frozen=True, kw_only=True):
    """Xero no longer accepts this connection's token; only a person can mend it, by connecting again."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ConnectionLost.v1"

    reason: str
    lost_at: Time


class ConnectionRemoved(ConnectionEvent, frozen=True, kw_only=True):
    """A person disconnected: no token is given any more, syncs end, schedules rest. What was imported stays.

    Said as soon as it is stored; Xero itself may learn of it later.
    """

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ConnectionRemoved.v1"

    tenant_name: str
    removed_by: str  # user id
    removed_at: Time


class CallsCounted(ConnectionEvent, frozen=True, kw_only=True):
    """How much of the organisation's day of calls is used, as xero-adapter knows it after each page it has read."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.CallsCounted.v1"

    at: Time  # of the good call
    day: str  # UTC, ISO
    calls: int  # of all who call this organisation by this app, as Xero counts them
    calls_a_day: int  # the limit
    bytes: int  # read by us
    bytes_a_day: int  # our own budget; 0: none

    def version(self) -> str:
        return self.at.isoformat()
