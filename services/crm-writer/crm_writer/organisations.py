"""What is kept of each connection's organisation: of all that came, what was asked for last."""

from collections.abc import Sequence

import msgspec

from accounting_link.chassis.messages import Received
from accounting_link.contracts.organisations import OrganisationRead
from crm_writer.books import Books, BooksOf, Records
from crm_writer.changes import Changes, Document
from crm_writer.copies import to_the_millisecond


def keep(records: Records, received: Sequence[Received]) -> None:
    """All is written when this returns. An older one, or the same again, changes nothing."""

    def work(books_of: BooksOf) -> None:
        for one in received:
            _keep(books_of(one.scope.account_id), _document(one))

    if received:
        records.transact(work)


def _keep(books: Books, document: Document) -> None:
    if document["authorisation"] <= books.tombstones({document["_id"]}).get(document["_id"], -1):
        return
    standing = next(iter(books.organisations({document["_id"]})), None)
    changes = Changes()
    if standing is None:
        changes.insert("organisations", document)
    elif document["reading"] > standing["reading"]:
        # The daily read counts nothing: what was counted when it was connected stays.
        counted = {name: standing.get(name) for name in ("counts", "counted_at")} if not document["counts"] else {}
        changes.replace("organisations", {**document, **counted})
    books.write(changes)


def _document(received: Received) -> Document:
    event, scope = received.event, received.scope
    assert isinstance(event, OrganisationRead)
    at = to_the_millisecond(event.read_at)
    counts = {str(one.stream): one.count for one in event.counts}
    said = {**msgspec.structs.asdict(event), "read_at": at, "counts": counts, "counted_at": at if counts else None}
    whose = {"account_id": scope.account_id, "authorisation": scope.authorisation}
    return {"_id": scope.connection_id, **whose, "reading": received.envelope.reading, **said}
