"""Events as Kafka messages: CloudEvents 1.0, binary mode (the value is the data, the attributes are headers).

Spec: CloudEvents Kafka Protocol Binding 1.0, section 3.2. Attribute names are a-z0-9 only.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from accounting_link.contracts.catalog import BY_TYPE
from accounting_link.contracts.event import Event, Scope
from accounting_link.contracts.topics import Lane

_IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "accounting-link.legrandcrm.com")
_encode = msgspec.json.Encoder(decimal_format="string").encode
_OF_SCOPE = ("ce_accountid", "ce_connectionid", "ce_syncid", "ce_correlationid")

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is given to the broker. ``partition`` None: decided by the key."""

    topic: str
    key: str
    headers: Headers
    value: bytes
    partition: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event with everything its headers say."""

    event: Event
    scope: Scope
    id: str
    time: datetime
    source: str = ""
    causation_id: str = ""
    reading: int = 0


class UnreadableError(ValueError):
    """A message that cannot be understood. What its headers tell is kept, as far as they tell anything."""

    def __init__(self, reason: str, *, scope: Scope | None, type_: str, subject: str, reading: int) -> None:
        super().__init__(reason)
        self.reason, self.scope, self.type = reason, scope, type_
        self.subject, self.reading = subject, reading


def event_id(event: Event, scope: Scope, reading: int = 0) -> str:
    """Derived from all that makes an event this event, so the same fact told twice has the same id."""
    parts = (
        event.TYPE, scope.connection_id, scope.sync_id, scope.attempt, scope.ask,
        event.subject(), event.version(), reading,
    )  # fmt: skip
    return str(uuid.uuid5(_IDS, "\n".join(map(str, parts))))


def encode(
    event: Event,
    scope: Scope,
    *,
    source: str,
    time: datetime,
    causation_id: str = "",
    reading: int = 0,
    traceparent: str = "",
) -> Message:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id(event, scope, reading).encode()),
        ("ce_type", event.TYPE.encode()),
        ("ce_source", source.encode()),
        ("ce_time", _rfc3339(time).encode()),
        ("ce_subject", event.subject().encode()),
        ("ce_accountid", scope.account_id.encode()),
        ("ce_connectionid", scope.connection_id.encode()),
        ("ce_syncid", scope.sync_id.encode()),
        ("ce_attempt", b"%d" % scope.attempt),
        ("ce_ask", b"%d" % scope.ask),
        ("ce_authorisation", b"%d" % scope.authorisation),
        ("ce_lane", scope.lane.encode()),
        ("ce_correlationid", scope.correlation_id.encode()),
        ("ce_causationid", causation_id.encode()),
        ("ce_reading", b"%d" % reading),
        ("content-type", b"application/json"),
    ]
    # CloudEvents attributes may not be empty strings: what is not known is not sent.
    headers = [(name, value) for name, value in headers if value]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return Message(topic=event.TOPIC.name(scope.lane), key=event.key(scope), headers=headers, value=_encode(event))


def decode(headers: Sequence[tuple[str, bytes]], value: bytes | None) -> Envelope:
    """Raises :class:`UnreadableError`, which still knows whose the message was where the headers say it."""
    said = {name: text.decode("utf-8", "replace") for name, text in headers if text is not None}
    type_, subject = said.get("ce_type", ""), said.get("ce_subject", "")
    scope, reading = _scope(said), _reading(said)

    def unreadable(reason: str) -> UnreadableError:
        return UnreadableError(reason, scope=scope, type_=type_, subject=subject, reading=reading)

    if said.get("ce_specversion") != "1.0":
        raise unreadable("not a CloudEvents 1.0 message")
    if type_ not in BY_TYPE:
        raise unreadable(f"unknown event type {type_!r}")
    if scope is None:
        raise unreadable("ce_accountid, ce_connectionid or a number beside them is missing or wrong")
    if value is None:
        raise unreadable("no data")
    if any("\0" in text for text in said.values()):
        raise unreadable("a header holds a null character")
    try:
        event: Event = _decoder(type_).decode(value)
        time = datetime.fromisoformat(said.get("ce_time", "")).astimezone(UTC)
    except (ValueError, msgspec.MsgspecError) as error:
        raise unreadable(str(error)) from error
    return Envelope(
        event=event,
        scope=scope,
        id=said.get("ce_id", ""),
        time=time,
        source=said.get("ce_source", ""),
        causation_id=said.get("ce_causationid", ""),
        reading=reading,
    )


@cache
def _decoder(type_: str) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(BY_TYPE[type_])


def _scope(said: Mapping[str, str]) -> Scope | None:
    """None where it cannot be had, or could not be stored: no outcome is told of what nobody could look up."""
    if any("\0" in said.get(name, "") for name in _OF_SCOPE):
        return None
    try:
        return Scope(
            account_id=said["ce_accountid"],
            connection_id=said["ce_connectionid"],
            sync_id=said.get("ce_syncid", ""),
            attempt=_number(said.get("ce_attempt", "1")),
            ask=_number(said.get("ce_ask", "1")),
            authorisation=_number(said.get("ce_authorisation", "0")),
            lane=Lane(said.get("ce_lane", Lane.BULK)),
            correlation_id=said.get("ce_correlationid", ""),
        )
    except (KeyError, ValueError):
        return None


def _reading(said: Mapping[str, str]) -> int:
    try:
        return _number(said.get("ce_reading", ""))
    except ValueError:
        return 0


def _number(text: str) -> int:
    """Of 63 bits at most, as databases hold them. Raises ValueError."""
    if not text.isdecimal() or len(text) > 18:
        raise ValueError("no number, or too large a one")
    return int(text)


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
