"""The CRM's records as the writer sees them: what it may ask and do inside one transaction.

MongoDB (:mod:`~crm_writer.store`) and its twin in memory (:mod:`~crm_writer.memory`) both pass
``tests/suites/record_store.py``.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from accounting_link.chassis.messages import Outgoing
from crm_writer.changes import Changes, Document

T = TypeVar("T")


class Books(Protocol):
    """One account's, within a transaction: what is read does not change until it ends, what is written is seen
    by nobody else before. No document of another account is ever read or touched."""

    def records(self, ids: Collection[str]) -> list[Document]: ...

    def links(self, ids: Collection[str]) -> list[Document]: ...

    def companies(self, ids: Collection[str], name_keys: Collection[str]) -> list[Document]:
        """Those with one of these ids or one of these names."""

    def people(self, contacts: Collection[tuple[str, str]], ids: Collection[str] = ()) -> list[Document]:
        """Of these contacts, each (connection id, Xero's contact id), and those with one of these ids."""

    def transactions(self, ids: Collection[str]) -> list[Document]: ...

    def with_sales(self, contacts: Collection[tuple[str, str]]) -> set[str]:
        """Which of these contacts (connection id, Xero's contact id) have a sales transaction, by Xero's id."""

    def settled(self, ids: Collection[str]) -> set[str]:
        """Of these records, those that stand and are not only left out by the suppliers rule."""

    def organisations(self, ids: Collection[str]) -> list[Document]:
        """By connection id."""

    def tombstones(self, connection_ids: Collection[str]) -> dict[str, int]:
        """By connection, up to which authorisation everything was removed."""

    def exports(self, ids: Collection[str]) -> list[Document]: ...

    def removals(self, ids: Collection[str]) -> list[Document]: ...

    def imported(self, connection_id: str, upto: int, at_most: int) -> list[Document]:
        """Some of the records that no later authorisation than ``upto`` told of."""

    def count_imported(self, connection_id: str, upto: int) -> int:
        """How many ``imported`` would find in all."""

    def people_of_companies(self, company_ids: Collection[str]) -> list[Document]:
        """Those that are linked to no Xero contact."""

    def write(self, changes: Changes) -> None: ...

    def say(self, aggregate: str, seq: int, events: Sequence[Outgoing]) -> None:
        """Told once all of this transaction is written, and not without it; of one aggregate by rising ``seq``."""


BooksOf = Callable[[str], Books]


class Records(Protocol):
    def transact(self, work: Callable[[BooksOf], T]) -> T:
        """All that ``work`` writes is there when this returns, or nothing of it when this raises. ``work`` may
        be called more than once, when another has written meanwhile what it read: it must send nothing."""
