"""Taking out of the CRM what one connection imported: asked for, under way, done."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Part, Scope, Time
from accounting_link.contracts.topics import CONNECTIONS, RECORDS, Topic


class Numbers(Part, frozen=True, kw_only=True):
    """What went, and what stayed and lost only its link: made, edited or linked otherwise by people."""

    companies: int = 0
    people: int = 0
    sales: int = 0
    companies_kept: int = 0
    people_kept: int = 0


class RemovalEvent(Event, frozen=True, kw_only=True):
    """``authorisation``: what was read under this one or an earlier one goes, and what comes of it later is dropped."""

    removal_id: str
    authorisation: int

    def key(self, scope: Scope) -> str:
        return scope.connection_id

    def subject(self) -> str:
        return f"removal/{self.removal_id}"


class RemovalRequested(RemovalEvent, frozen=True, kw_only=True):
    """A person wants everything gone that this connection imported. It travels with the records, to who keeps them."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.RemovalRequested.v1"
    TOPIC: ClassVar[Topic] = RECORDS

    requested_by: str  # user id
    requested_by_name: str
    requested_at: Time


class RemovalProgressed(RemovalEvent, frozen=True, kw_only=True):
    """So much is removed by now. All numbers are totals of this removal; ``records`` counts Xero's records, also those
    that never became anything in the CRM."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.RemovalProgressed.v1"
    TOPIC: ClassVar[Topic] = CONNECTIONS

    records: int
    records_in_all: int
    numbers: Numbers

    def version(self) -> str:
        return str(self.records)


class ImportsRemoved(RemovalEvent, frozen=True, kw_only=True):
    """Nothing is left of what this connection imported. Said again with higher numbers should a copy that was being
    written at that very moment turn up later."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ImportsRemoved.v1"
    TOPIC: ClassVar[Topic] = CONNECTIONS

    records: int
    numbers: Numbers
    requested_by: str  # user id
    requested_by_name: str
    ended_at: Time

    def version(self) -> str:
        return str(self.records)
