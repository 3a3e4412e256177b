"""What the orchestrator asks of xero-adapter. Keyed by tenant: one organisation's requests keep their order."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Part, Scope, Time
from accounting_link.contracts.records import Person
from accounting_link.contracts.topics import REQUESTS, Topic
from accounting_link.contracts.words import Reads, Stream, Suppliers, SyncKind


class Request(Event, frozen=True, kw_only=True):
    TOPIC: ClassVar[Topic] = REQUESTS

    tenant_id: str
    authorisation: int

    def key(self, scope: Scope) -> str:
        return self.tenant_id

    def subject(self) -> str:
        return self.tenant_id


class StreamRequest(Part, frozen=True, kw_only=True):
    """A stream to read. ``since`` None reads all of it; otherwise what Xero says was modified since."""

    stream: Stream
    since: Time | None = None


def what_is_read(streams: tuple[StreamRequest, ...], *, first: bool) -> Reads:
    """``first``: nothing of the organisation was imported before."""
    if first:
        return Reads.FIRST_IMPORT
    whole = [stream.since is None for stream in streams]
    return Reads.EVERYTHING if all(whole) else Reads.WIDENED if any(whole) else Reads.CHANGES


class SyncSettings(Part, frozen=True, kw_only=True):
    """The settings a sync runs under, as they stood when it was asked for."""

    suppliers: Suppliers = Suppliers.NONE
    selected_suppliers: tuple[str, ...] = ()  # Xero contact ids


class SyncRequested(Request, frozen=True, kw_only=True):
    """Read these streams of this organisation and publish every record in them."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncRequested.v1"

    kind: SyncKind
    streams: tuple[StreamRequest, ...]
    settings: SyncSettings
    requested_by: str  # user id, or "schedule"
    requested_at: Time
    requested_by_name: str = ""  # as it then was; empty for the schedule
    first: bool = False  # nothing of the organisation was imported before

    @property
    def reads(self) -> Reads:
        return what_is_read(self.streams, first=self.first)


class ContactsRequested(Request, frozen=True, kw_only=True):
    """Read these contacts by their ids and publish them as customers' copies, for something was sold to each. One that
    Xero does not give becomes RecordUnreadable. Runs as a sync of its own, of one stream, that moves no mark."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ContactsRequested.v1"

    contact_ids: tuple[str, ...]
    settings: SyncSettings
    requested_by: str  # of the sync that saw them missing
    requested_at: Time
    requested_by_name: str = ""

    @property
    def streams(self) -> tuple[StreamRequest, ...]:
        return (StreamRequest(stream=Stream.CONTACTS),)

    @property
    def reads(self) -> Reads:
        return Reads.CONTACTS


class OrganisationRequested(Request, frozen=True, kw_only=True):
    """Read what the organisation is called and how much it holds, for a person to look at before the first sync.
    Answered by OrganisationRead with its counts; where Xero does not answer in time, by nothing."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.OrganisationRequested.v1"

    requested_at: Time

    def version(self) -> str:
        return str(self.authorisation)


class ContactExportRequested(Request, frozen=True, kw_only=True):
    """Create one contact in Xero, unless it is there: nothing that stands there is changed. Answered by ContactExported
    or ContactExportRejected, always."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ContactExportRequested.v1"

    export_id: str
    contact_number: str  # the CRM's own id of it, Xero's ContactNumber: by it the contact is found again
    name: str
    main_person: Person
    requested_at: Time

    def subject(self) -> str:
        return f"export/{self.export_id}"


class SyncStopRequested(Request, frozen=True, kw_only=True):
    """End every stream of this attempt where it stands; one never begun ends empty."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.SyncStopRequested.v1"

    streams: tuple[Stream, ...]
    reason: str
