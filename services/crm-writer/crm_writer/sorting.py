"""What a batch from the broker holds: copies of records, stream end marks, and what nobody can use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import bson
import msgspec
from bson.errors import BSONError

from accounting_link.chassis import mongo
from accounting_link.chassis.messages import Delivery, Place, Received, Unread, read_all
from accounting_link.contracts.cloudevents import UnreadableError
from accounting_link.contracts.exports import ContactExported, ContactExportRejected
from accounting_link.contracts.organisations import OrganisationRead
from accounting_link.contracts.records import RecordUnreadable
from accounting_link.contracts.removals import RemovalRequested
from accounting_link.contracts.sync_life import StreamEnded
from crm_writer.copies import Copy, copy_of, copy_of_unread, unfit

# What a value that MongoDB cannot hold raises: a decimal of 40 digits, half a surrogate pair.
CANNOT_KEEP = (ArithmeticError, UnicodeError, BSONError)


@dataclass(slots=True)
class Batch:
    """A record that cannot be read is a copy too, beside being set aside: it gets its one outcome."""

    copies: list[Copy] = field(default_factory=list)
    marks: list[Received] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    organisations: list[Received] = field(default_factory=list)
    removals: list[Received] = field(default_factory=list)
    exports: list[Received] = field(default_factory=list)  # what became of each; a copy that one brings is a copy too


def sort(deliveries: Sequence[Delivery]) -> Batch:
    received, unread = read_all(deliveries)
    batch = Batch(unread=unread)
    at = {(delivery.place, delivery.offset): delivery for delivery in deliveries}
    for one in received:
        copy = copy_of(one)
        if isinstance(one.event, ContactExported):
            batch.exports.append(one)
        if copy is not None:
            batch.copies.append(copy)
            if copy.event is None and not isinstance(one.event, RecordUnreadable):
                batch.unread.append(_unread(at[one.place, one.offset], one, copy.reason))
        elif isinstance(one.event, ContactExportRejected):
            batch.exports.append(one)
        elif isinstance(one.event, StreamEnded):
            batch.marks.append(one)
        elif isinstance(one.event, OrganisationRead):
            batch.organisations.append(one)
        elif isinstance(one.event, RemovalRequested):
            batch.removals.append(one)
        else:
            reason = f"{type(one.event).__name__} does not belong among the records"
            batch.unread.append(_unread(at[one.place, one.offset], one, reason))
    batch.copies += [copy for copy in map(copy_of_unread, unread) if copy is not None]
    return batch


def without_misfits(deliveries: Sequence[Delivery]) -> Batch:
    """As ``sort``, with each record that cannot be kept set aside. Slow: for a batch that has one."""
    batch = sort(deliveries)
    at: dict[tuple[Place, int], Delivery] = {(one.place, one.offset): one for one in deliveries}
    for number, copy in enumerate(batch.copies):
        reason = _why_not_kept(copy)
        if reason:
            batch.copies[number] = unfit(copy, reason)
            delivery = at[copy.place, copy.offset]
            batch.unread.append(_unread(delivery, delivery.read(), reason))
    return batch


def _why_not_kept(copy: Copy) -> str:
    try:
        content = msgspec.to_builtins(copy.event, builtin_types=(Decimal, datetime))
        bson.encode({"content": content}, codec_options=mongo.OPTIONS)
    except CANNOT_KEEP as error:
        return f"holds a value that cannot be kept ({type(error).__name__})"
    return ""


def _unread(delivery: Delivery, received: Received, reason: str) -> Unread:
    event = received.event
    error = UnreadableError(
        reason,
        scope=received.scope,
        type_=event.TYPE,
        subject=event.subject(),
        reading=received.envelope.reading,
    )
    return Unread(delivery=delivery, error=error)
