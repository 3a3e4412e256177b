"""Where records stand: their JSON packed, what filters and orders need in columns, and the orders Xero reads in.

Records are known inside by their number, which is the place they came to first and never changes. Half a million
invoices must fit beside everything else, so nothing here is an object for each record but its texts.
"""

import datetime as dt
import sys
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from xero_simulator.kinds import NO_DAY, Kind
from xero_simulator.wire import id_bytes

_BLOCK = 32  # records packed together: large enough that they share their field names, small enough to open for one
_OPEN = 256  # blocks kept open, so that a page of 1,000 opens each once however they lie (16 MB at most)
_LEVEL = 3


class Vault:
    """Texts by number, many to a compressed block; what was changed since stands beside, as it is."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._last: list[bytes] = []
        self._changed: dict[int, bytes] = {}
        self._open = lru_cache(_OPEN)(self._opened)

    def append(self, raw: bytes) -> None:
        self._last.append(raw)
        if len(self._last) == _BLOCK:
            self._blocks.append(zlib.compress(b"\n".join(self._last), _LEVEL))  # JSON holds no bare line end
            self._last = []

    def __setitem__(self, number: int, raw: bytes) -> None:
        self._changed[number] = raw

    def __getitem__(self, number: int) -> bytes:
        if number in self._changed:
            return self._changed[number]
        block, place = divmod(number, _BLOCK)
        return self._last[place] if block == len(self._blocks) else self._open(block)[place]

    def _opened(self, block: int) -> list[bytes]:
        return zlib.decompress(self._blocks[block]).split(b"\n")


class Row:
    """One record as it stands now, of number ``at``; its columns are attributes: days as dates, money as Decimal."""

    __slots__ = ("at", "shelf")

    def __init__(self, shelf: "Shelf", at: int) -> None:
        self.shelf, self.at = shelf, at

    @property
    def id(self) -> str:
        return self.shelf.id(self.at)

    @property
    def updated_ms(self) -> int:
        return self.shelf.updated[self.at]

    def __getattr__(self, name: str) -> Any:
        if name not in self.shelf.columns:
            raise AttributeError(name)
        held, column = self.shelf.columns[name][self.at], self.shelf.types[name]
        if column == "DateTime":
            return None if held == NO_DAY else dt.date.fromordinal(held)
        return Decimal(held).scaleb(-2) if column == "Decimal" else held


class Records(Mapping[str, Row]):
    """A shelf as a mapping from ids, for whoever looks at single records."""

    def __init__(self, shelf: "Shelf") -> None:
        self._shelf = shelf

    def __len__(self) -> int:
        return len(self._shelf)

    def __iter__(self) -> Iterator[str]:
        return map(self._shelf.id, range(len(self._shelf)))

    def __getitem__(self, key: str) -> Row:
        number = self._shelf.find(key)
        if number is None:
            raise KeyError(key)
        return Row(self._shelf, number)


class Shelf:
    """Records of one kind. Orders it hands out are its own: they change with the next ``put``."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.types = {column.name: column.type for column in kind.columns}
        texts = ("String", "Boolean")
        self.columns: dict[str, Any] = {n: [] if t in texts else array("q") for n, t in self.types.items()}
        self.updated = array("q")
        self.by_id = array("I")
        self.json = Vault()
        self._ids = bytearray()
        self._orders: dict[str, array[int]] = {"": array("I")}

    def __len__(self) -> int:
        return len(self.updated)

    @property
    def records(self) -> Records:
        return Records(self)

    # -- single records

    def key(self, number: int) -> bytes:
        """The id as it sorts: sixteen bytes stand in the order of their text."""
        return bytes(self._ids[number * 16 : number * 16 + 16])

    def id(self, number: int) -> str:
        raw = self.key(number).hex()
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def find(self, text: str) -> int | None:
        """The record's number, None when there is no such id."""
        try:
            key = id_bytes(text)
        except (ValueError, TypeError, AttributeError):
            return None
        if len(self) and self.key(len(self) - 1) == key:
            return len(self) - 1  # the one that came last is found even before all are sorted
        place = bisect_left(self.by_id, key, key=self.key)
        return self.by_id[place] if place < len(self.by_id) and self.key(self.by_id[place]) == key else None

    # -- orders

    def by_update(self, part: str, since_ms: int | None) -> "array[int]":
        """Numbers by (UpdatedDateUTC, id): of all, or of those whose first column is ``part``."""
        order = self._orders.get(part, array("I"))
        start = 0 if since_ms is None else bisect_left(order, (since_ms, b""), key=self._place)
        return order[start:]

    def _place(self, number: int) -> tuple[int, bytes]:
        return self.updated[number], self.key(number)

    def _parts(self, number: int) -> "list[array[int]]":
        """The orders that a record stands in."""
        part = self.columns[self.kind.columns[0].name][number]
        return [self._orders[""], self._orders.setdefault(part, array("I"))]

    def _insert(self, number: int) -> None:
        for order in self._parts(number):
            order.insert(bisect_left(order, self._place(number), key=self._place), number)

    def _remove(self, number: int) -> None:
        for order in self._parts(number):
            del order[bisect_left(order, self._place(number), key=self._place)]

    # -- changing

    def append(self, key: str, ms: int, values: Mapping[str, Any], raw: bytes) -> int:
        """One of many that an empty shelf is filled with; ``sort`` must follow before anything is read by order."""
        self._ids += id_bytes(key)
        self.updated.append(ms)
        for name, column in self.columns.items():
            column.append(_shared(values[name]))
        self.json.append(raw)
        return len(self.updated) - 1

    def sort(self) -> None:
        self.by_id = array("I", sorted(range(len(self)), key=self.key))
        self._orders = {"": array("I", sorted(self.by_id, key=self.updated.__getitem__))}
        for number in self._orders[""]:
            self._parts(number)[1].append(number)

    def put(self, key: str, ms: int, values: Mapping[str, Any], raw: bytes) -> int:
        """The record as it now is, new or changed; its number."""
        number = self.find(key)
        if number is None:
            number = self.append(key, ms, values, raw)
            self.by_id.insert(bisect_left(self.by_id, self.key(number), key=self.key), number)
        else:
            self._remove(number)
            self.updated[number] = ms
            for name, column in self.columns.items():
                column[number] = _shared(values[name])
            self.json[number] = raw
        self._insert(number)
        return number

    def touch(self, number: int, ms: int) -> None:
        self._remove(number)
        self.updated[number] = ms
        self._insert(number)


def _shared(value: Any) -> Any:
    """Texts that many records have in common are held once, which invoice numbers have not."""
    return sys.intern(value) if type(value) is str and not value.startswith("INV-") else value
