"""What a Xero organisation says of itself."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Part, Scope, Time
from accounting_link.contracts.topics import RECORDS, Topic
from accounting_link.contracts.words import Stream


class StreamCount(Part, frozen=True, kw_only=True):
    """How many records of a stream there are, by Xero's own count."""

    stream: Stream
    count: int


class OrganisationRead(Event, frozen=True, kw_only=True):
    """The organisation behind a connection, read once a day, and when it was
    connected, then with its counts. It travels with the records and belongs to no stream: no
    sync waits for it. Of two, the one with the higher ``ce_reading`` was asked for later."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.OrganisationRead.v1"
    TOPIC: ClassVar[Topic] = RECORDS

    tenant_id: str
    name: str
    short_code: str  # what a deep link into Xero begins with; empty where Xero gives none
    base_currency: str  # ISO 4217
    country: str  # ISO 3166
    time_zone: str  # IANA's name; empty where Xero's word is not known
    xero_time_zone: str = ""
    read_at: Time
    counts: tuple[StreamCount, ...] = ()  # empty: not asked for

    def key(self, scope: Scope) -> str:
        return scope.connection_id

    def subject(self) -> str:
        return f"organisation/{self.tenant_id}"

    def version(self) -> str:
        return self.read_at.isoformat()
