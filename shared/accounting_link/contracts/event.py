"""What every event has: a type, a topic, a key, and whose it is."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec

from accounting_link.contracts.topics import Lane, Topic

# A moment, never a local time: two that cannot be compared would stop whoever compares them.
Time = Annotated[datetime, msgspec.Meta(tz=True)]

TYPE_PREFIX = "com.legrandcrm.accountinglink"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an event's data."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose an event is and which piece of work it belongs to. Travels in CloudEvents attributes, not in
    data, so that it is known even when the value cannot be read.

    ``attempt`` is raised when a sync is restarted from nothing, ``ask`` each time the same attempt is
    asked again. What belongs to no sync has an empty ``sync_id``. ``authorisation`` is the connection's, under
    which the work was asked for: raised by each consent and each disconnect, it tells one life of a connection
    from the next.
    """

    account_id: str
    connection_id: str
    sync_id: str = ""
    attempt: int = 1
    ask: int = 1
    authorisation: int = 0
    lane: Lane = Lane.BULK
    correlation_id: str = ""  # the reference a person is shown; found again by `make logs REF=...`


class Event(Part, frozen=True, kw_only=True):
    """Base of all events.

    ``TYPE`` carries the class's own name, so that what is seen on Kafka is found in the code.
    ``subject`` and ``version`` feed the event's id, which is derived and never random: the same fact told
    twice has the same id.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[Topic]

    def key(self, scope: Scope) -> str:
        """What decides the partition: all events of one key keep their order."""
        raise LookupError(f"{type(self).__name__} has no key")

    def subject(self) -> str:
        """What the event is about, within its scope."""
        return ""

    def version(self) -> str:
        """Tells two events about the same subject in the same attempt and ask apart."""
        return ""
