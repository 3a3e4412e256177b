"""A connection's sync settings, as a person chooses them, and what follows from them."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from accounting_link.contracts.records import MAPPING
from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.words import Stream, Suppliers


class Frequency(StrEnum):
    MANUAL = "manual"
    QUARTER_HOUR = "15m"
    HOURLY = "hourly"
    SIX_HOURS = "6h"
    DAILY = "daily"
    WEEKLY = "weekly"


_EVERY = {
    Frequency.QUARTER_HOUR: timedelta(minutes=15),
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.SIX_HOURS: timedelta(hours=6),
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=7),
}


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    frequency: Frequency = Frequency.HOURLY
    suppliers: Suppliers = Suppliers.NONE
    selected_suppliers: tuple[str, ...] = ()

    def for_sync(self) -> SyncSettings:
        return SyncSettings(suppliers=self.suppliers, selected_suppliers=self.selected_suppliers)

    def said(self) -> dict[str, str]:
        """In short words, for the audit log."""
        chosen = {"selected_suppliers": str(len(self.selected_suppliers))} if self.selected_suppliers else {}
        return {"frequency": str(self.frequency), "suppliers": str(self.suppliers), **chosen}

    def scopes(self) -> dict[str, str]:
        """What a mark of each stream is good for: a wider scope has no mark yet, so it is read in full."""
        suppliers = ",".join([self.suppliers, *sorted(self.selected_suppliers)])
        scopes = {stream.value: f"mapping={MAPPING}" for stream in Stream}
        return {**scopes, Stream.CONTACTS: f"mapping={MAPPING} suppliers={suppliers}"}

    def next_due(self, after: datetime) -> datetime | None:
        """When the next scheduled sync is due; None: never, a person starts each."""
        every = _EVERY.get(self.frequency)
        return after + every if every else None
