"""Xero's JSON. A document is a dict in Xero's own field names, money in it a Decimal that is written digit by digit."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

Doc = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# json cannot write a Decimal, so it goes in as a string between control characters that no text of Xero's can
# hold (XML 1.0 forbids them), and they and the quotes are taken off afterwards. Ten times as fast as an encoder in
# Python.
MARK = "\x01"


def _mark(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{MARK}{value:f}{MARK}"
    raise TypeError(f"{type(value).__name__} has no form in Xero's JSON")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_mark)


def encode(value: object) -> bytes:
    """Compact UTF-8 JSON; a Decimal keeps its places (Decimal("40.00") is written 40.00). No text may hold MARK."""
    text = _ENCODER.encode(value).replace('"\\u0001', "").replace('\\u0001"', "")
    return text.encode("utf-8", "replace")


def decode(raw: bytes | str) -> Any:
    """JSON with numbers that have a point as Decimal, never as float."""
    return json.loads(raw, parse_float=Decimal)


def to_ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def instant(ms: int) -> str:
    """Xero's ``/Date(1518685950940+0000)/``; milliseconds since 1970, UTC."""
    return f"/Date({ms}+0000)/"


def ms_in(text: str) -> int:
    """Milliseconds in a ``/Date(...)/`` that this module wrote."""
    return int(text[6 : text.index("+", 7)])


def day_fields(name: str, day: date) -> Doc:
    """A date without time, both ways that Xero writes it: ``Date`` and ``DateString``."""
    ms = to_ms(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return {f"{name}String": f"{day.isoformat()}T00:00:00", name: instant(ms)}


def updated(kind: str, ms: int) -> Doc:
    """UpdatedDateUTC, and its readable form, which contacts lack (spec)."""
    readable = {} if kind == "contact" else {"UpdatedDateUTCString": from_ms(ms).strftime("%Y-%m-%dT%H:%M:%SZ")}
    return {"UpdatedDateUTC": instant(ms), **readable}


def updated_json(kind: str, ms: int) -> bytes:
    """The same as JSON without braces."""
    return ",".join(f'"{name}":"{value}"' for name, value in updated(kind, ms).items()).encode()


def id_bytes(text: str) -> bytes:
    """An id as sixteen bytes, which sort as its text does. ValueError for what is none."""
    raw = bytes.fromhex(text.replace("-", ""))
    if len(raw) != 16:
        raise ValueError(f"{text!r} is no id")
    return raw
