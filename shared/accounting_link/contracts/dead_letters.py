"""What could not be used, kept with its reason and its origin."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Scope, Time
from accounting_link.contracts.topics import DEAD_LETTERS, Topic


class DeadLettered(Event, frozen=True, kw_only=True):
    """One message or record that was set aside. ``value`` holds its first bytes in base64."""

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.DeadLettered.v1"
    TOPIC: ClassVar[Topic] = DEAD_LETTERS

    consumer: str  # the service that could not use it
    reason: str
    about: str  # the message's ce_subject, e.g. invoice/<id>
    type: str  # the message's ce_type
    topic: str  # empty: it came from Xero, not from a topic
    partition: int
    offset: int
    value: str
    size: int  # of the whole, in bytes
    at: Time

    def key(self, scope: Scope) -> str:
        return f"{self.topic}/{self.partition}"

    def subject(self) -> str:
        return f"{self.consumer}/{self.topic}/{self.partition}/{self.offset}/{self.about}"
