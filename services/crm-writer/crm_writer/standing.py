"""What stands of one Xero record: its document in ``xero_records``, which every record has one of.

Two things are kept apart so that no order of arrival matters: the newest copy that could be read, and the
newest that could not. Which of the two decides is worked out from both.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounting_link.contracts.words import Kind, Result
from crm_writer.copies import Copy
from crm_writer.mapping.made import Made
from crm_writer.mapping.rules import AS_SUPPLIER

Document = dict[str, Any]

IMPORTED, LEFT_OUT, FAILED = "imported", "left_out", "failed"
_DATED, _UNDATED = "dated", "undated"  # does one know the version of what could not be read?


@dataclass(slots=True)
class Record:
    """``version`` None: no copy could ever be read. ``digest`` empty: nothing of it is in the CRM."""

    id: str
    connection_id: str
    kind: Kind
    xero_id: str
    version: datetime | None = None
    reading: int = 0
    digest: str = ""
    left_out: str = ""  # why
    name: str = ""  # of who is left out; of nobody else
    stamps: dict[str, Document] = field(default_factory=dict)
    authorisation: int = 0  # the latest of the connection's under which it was told of
    unread: dict[str, Document] = field(default_factory=dict)  # the newest copies that could not be read

    def state(self) -> str:
        if self.decides()[2] is not None:
            return FAILED
        return IMPORTED if self.digest else LEFT_OUT

    def reason(self) -> str:
        failed = self.decides()[2]
        return self.left_out if failed is None else failed

    def is_missing_to_its_sales(self) -> bool:
        """Left out by the suppliers rule: to be asked for again once something was sold."""
        return self.state() == LEFT_OUT and self.left_out in AS_SUPPLIER

    def decides(self) -> tuple[datetime | None, int, str | None]:
        """Version and reading of what stands, and why that could not be read. They only ever rise, whatever the
        order of arrival: a copy without a date counts as of the version that stands, by its reading."""
        version, reading, reason = self.version, self.reading, None
        if not self.unread:
            return version, reading, reason
        dated, undated = self.unread.get(_DATED), self.unread.get(_UNDATED)
        if dated and (version is None or (dated["version"], dated["reading"]) > (version, reading)):
            version, reading, reason = dated["version"], dated["reading"], dated["reason"]
        if undated and (version is None or undated["reading"] > reading):
            reading, reason = undated["reading"], undated["reason"]
        return version, reading, reason

    def told_version(self) -> tuple[datetime | None, int]:
        """None and 0 while no copy could ever be read."""
        return self.decides()[:2] if self.version else (None, 0)

    def result(self, sync_id: str) -> Result:
        """What this sync did with the record, from what stands now."""
        state = self.state()
        if state != IMPORTED:
            return Result(state)
        stamp = self.stamps.get(sync_id)
        return Result(stamp["result"]) if stamp else Result.UNCHANGED

    def take(self, copy: Copy, made: Made, now: datetime, keep_stamps: timedelta) -> None:
        """This copy stands now."""
        if made.digest != self.digest:
            self._stamp(copy.scope.sync_id, now, keep_stamps)
        self.version, self.reading = copy.version, copy.reading
        self.digest, self.left_out, self.name = made.digest, made.reason, made.name

    def take_unread(self, copy: Copy) -> bool:
        """False when a newer one that could not be read is known already."""
        unread = {"version": copy.version, "reading": copy.reading, "reason": copy.reason}
        slot = _UNDATED if copy.version is None else _DATED
        if slot in self.unread and _order(unread) <= _order(self.unread[slot]):
            return False
        self.unread = {**self.unread, slot: unread}
        return True

    def _stamp(self, sync_id: str, now: datetime, keep: timedelta) -> None:
        """Created over updated: what a sync created it may update too, with a newer copy. A stamp outlives every
        redelivery of the copy that made it, then goes."""
        created = not self.digest or self.stamps.get(sync_id, {}).get("result") == Result.CREATED
        self.stamps = {sync: stamp for sync, stamp in self.stamps.items() if now - stamp["at"] <= keep}
        self.stamps[sync_id] = {"result": (Result.CREATED if created else Result.UPDATED).value, "at": now}


def _order(unread: Document) -> tuple[str, int, str]:
    return str(unread["version"] or ""), unread["reading"], unread["reason"]


def of_document(document: Document) -> Record:
    return Record(
        document["_id"],
        document["connection_id"],
        Kind(document["kind"]),
        document["xero_id"],
        document["version"],
        document["reading"],
        document["digest"],
        document["reason"] if document["state"] == LEFT_OUT else "",
        document.get("name", ""),
        document["stamps"],
        document.get("authorisation", 0),
        document.get("unread", {}),
    )


def to_document(record: Record, account_id: str) -> Document:
    state = record.state()
    document = {
        "_id": record.id,
        "account_id": account_id,
        "connection_id": record.connection_id,
        "kind": record.kind.value,
        "xero_id": record.xero_id,
        "version": record.version,
        "reading": record.reading,
        "authorisation": record.authorisation,
        "digest": record.digest,
        "state": state,
        "reason": record.reason(),
        "stamps": record.stamps,
    }
    if state == LEFT_OUT:
        document["name"] = record.name
    if record.unread:
        document["unread"] = record.unread
    return document
