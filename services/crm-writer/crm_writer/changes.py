"""What a batch writes, as data: made by pure code, carried out by a store."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Document = dict[str, Any]
Collection = Literal["xero_records", "transactions", "companies", "links", "contacts", "organisations"]


class Change(NamedTuple):
    """``insert`` and ``replace`` carry a whole document, ``set`` some of its fields."""

    verb: Literal["insert", "replace", "set"]
    id: str
    fields: Document


class Changes:
    """Changes of one collection are carried out in the order given: a name that one company gives up and
    another takes over is free in between."""

    def __init__(self) -> None:
        self._of: defaultdict[Collection, list[Change]] = defaultdict(list)
        self.raised: defaultdict[int, list[str]] = defaultdict(list)  # reading → ids of records it now stands at

    def insert(self, collection: Collection, document: Document) -> None:
        self._of[collection].append(Change("insert", document["_id"], document))

    def replace(self, collection: Collection, document: Document) -> None:
        self._of[collection].append(Change("replace", document["_id"], document))

    def set(self, collection: Collection, id_: str, fields: Document) -> None:
        self._of[collection].append(Change("set", id_, fields))

    def __iter__(self) -> Iterator[tuple[Collection, list[Change]]]:
        return iter(self._of.items())
