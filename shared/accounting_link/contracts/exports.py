"""Create in Xero: what became of a contact that a person sent there."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Scope
from accounting_link.contracts.records import CustomerImported
from accounting_link.contracts.topics import RECORDS, Topic
from accounting_link.contracts.words import Refusal


class ExportEvent(Event, frozen=True, kw_only=True):
    """Of one export: of all its asks (``ce_ask``), a success counts whichever it answers, a refusal only the last."""

    TOPIC: ClassVar[Topic] = RECORDS

    export_id: str

    def key(self, scope: Scope) -> str:
        return f"{scope.connection_id}/{self.export_id}"

    def subject(self) -> str:
        return f"export/{self.export_id}"


class ContactExported(ExportEvent, frozen=True, kw_only=True):
    """Xero holds the contact under the CRM's own number: made just now, or found there because an earlier try had made
    it. ``contact`` is Xero's copy of it, whose ``ce_reading`` orders it among the others of the same record."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ContactExported.v1"

    contact: CustomerImported

    def version(self) -> str:
        return f"{self.contact.xero_id} {self.contact.version()}"


class ContactExportRejected(ExportEvent, frozen=True, kw_only=True):
    """Nothing that stood there was changed. ``detail`` says why in words for a person, Xero's own where it is Xero that
    refused; where an answer of Xero's was lost, also that the contact may be there, and is found when asked again."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.ContactExportRejected.v1"

    refusal: Refusal
    detail: str
    xero_id: str = ""  # of the contact that stands there already under this name

    def version(self) -> str:
        return f"{self.refusal} {self.detail}"
