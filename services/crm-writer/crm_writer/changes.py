"""What a batch writes, as data: made by pure code, carried out by a store."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Document = dict[str, Any]
Collection = Literal[
    "xero_records",
    "transactions",
    "companies",
    "links",
    "contacts",
    "organisations",
    "tombstones",
    "removals",
    "exports",
]


class Change(NamedTuple):
    """``insert`` and ``replace`` carry a whole document, ``set`` some of its fields, ``delete`` none."""

    verb: Literal["insert", "replace", "set", "delete"]
    id: str
    fields: Document


class Changes:
    """Changes of one collection are carried out in the order given: a name that one company gives up and
    another takes over is free in between."""

    def __init__(self) -> None:
        self._of: defaultdict[Collection, list[Change]] = defaultdict(list)
        # (reading, authorisation) → ids of records that now stand at them
        self.raised: defaultdict[tuple[int, int], list[str]] = defaultdict(list)

    def insert(self, collection: Collection, document: Document) -> None:
        self._of[collection].append(Change("insert", document["_id"], document))

    def replace(self, collection: Collection, document: Document) -> None:
        self._of[collection].append(Change("replace", document["_id"], document))

    def set(self, collection: Collection, id_: str, fields: Document) -> None:
        self._of[collection].append(Change("set", id_, fields))

    def delete(self, collection: Collection, id_: str) -> None:
        self._of[collection].append(Change("delete", id_, {}))

    def __iter__(self) -> Iterator[tuple[Collection, list[Change]]]:
        return iter(self._of.items())
