"""How a person stands in each Xero organisation: from there, created there, on the way, refused, or free to be created.
Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from crm_frontend.words import instant

Node = Mapping[str, Any]
_LONG = timedelta(minutes=2)  # an answer takes seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``state``: "linked" (the person comes from there), "created" (was sent there), "company" (only their company is
    there), "requested", "refused", or "free"."""

    connection: Node
    state: str
    xero_id: str = ""  # of the contact to open in Xero
    export: Node | None = None
    is_late: bool = False

    @property
    def name(self) -> str:
        return str(self.connection.get("tenant_name") or "Xero")

    @property
    def stands(self) -> bool:
        return self.connection.get("state") == "connected"

    @property
    def may_be_created(self) -> bool:
        return self.stands and self.state in ("free", "refused")


def places(person: Node, parts: Iterable[Node], connections: Iterable[Node], now: datetime) -> list[Place]:
    """Of every organisation that stands or where the person was sent; first that from which they come. ``parts``: of
    their company."""
    known = {connection["id"]: connection for connection in connections}
    comes_from = person["connection_id"] if person.get("contact_id") else None
    of_xero = [_of_xero(person, known.get(comes_from, {"id": comes_from}))] if comes_from else []
    standing = [key for key, connection in known.items() if connection["state"] != "disconnected"]
    exports, company = _newest(person), {part["connection_id"]: part["contact_id"] for part in parts}
    others = (key for key in dict.fromkeys([*standing, *exports]) if key != comes_from)
    return [
        *of_xero,
        *(
            _place(person["id"], known.get(key, {"id": key}), exports.get(key), company.get(key, ""), now)
            for key in others
        ),
    ]


def _newest(person: Node) -> dict[str, Node]:
    """By connection; they come newest first. What was created and then removed here may be asked for again."""
    stand = (export for export in reversed(person.get("exports") or ()) if not export["removed"])
    return {export["connection_id"]: export for export in stand}


def _of_xero(person: Node, connection: Node) -> Place:
    sent = _newest(person).get(connection["id"])
    created = sent if sent and sent["state"] == "created" else None
    return Place(connection=connection, state="linked", xero_id=person["contact_id"], export=created)


def _place(person_id: str, connection: Node, export: Node | None, company: str, now: datetime) -> Place:
    """``company``: the Xero contact of the person's company in it, or empty."""
    place, state = partial(Place, connection=connection, export=export), export["state"] if export else "free"
    xero_id = (export and export["xero_id"]) or ""
    if export and state == "requested":
        return place(state=state, is_late=_is_late(export, now))
    if export and state == "created" and export["contact_id"] == person_id:
        return place(state=state, xero_id=xero_id)
    if company or state == "created":  # created for somebody else of the company
        return place(state="company", xero_id=company or xero_id, export=None)
    return place(state=state, xero_id=xero_id)


def _is_late(export: Node, now: datetime) -> bool:
    asked = instant(export["requested_at"])
    return asked is not None and now - asked > _LONG
