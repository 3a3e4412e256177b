"""What people did that belongs in an audit log."""

from typing import ClassVar

from accounting_link.contracts.event import TYPE_PREFIX, Event, Part, Scope, Time
from accounting_link.contracts.topics import PEOPLE, Topic
from accounting_link.contracts.words import Act


class Detail(Part, frozen=True, kw_only=True):
    name: str
    value: str


class PersonActed(Event, frozen=True, kw_only=True):
    """A person did something that others of the account may have to answer for.

    Stored with what was done, in one transaction: what is not done is not told, and what is done is told.
    ``details`` says in short words what was chosen; it never holds a secret.
    """

    TYPE: ClassVar[str] = f"{TYPE_PREFIX}.PersonActed.v1"
    TOPIC: ClassVar[Topic] = PEOPLE

    act: Act
    about: str  # id of what it was done to
    by: str  # user id
    by_name: str
    address: str  # the network address it was asked from
    at: Time
    details: tuple[Detail, ...] = ()

    def key(self, scope: Scope) -> str:
        return scope.account_id

    def subject(self) -> str:
        return f"{self.act}/{self.about}"

    def version(self) -> str:
        return f"{self.by} {self.at.isoformat()}"
