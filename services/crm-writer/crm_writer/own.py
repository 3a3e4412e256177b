"""One account's documents, for reading. The one place where the web service meets the database."""

from collections.abc import Iterable, Sequence
from typing import Any

from accounting_link.chassis.mongo import Db, Document

Sort = Sequence[tuple[str, int]]


class Own:
    """Every query is made here, and every query is by account."""

    def __init__(self, db: Db, account_id: str) -> None:
        self._db, self._account_id = db, account_id

    def find(
        self, collection: str, which: Document, *, sort: Sort = (), limit: int = 0, without: Iterable[str] = ()
    ) -> list[Document]:
        cursor = self._db[collection].find(self.scoped(which), dict.fromkeys(without, 0) or None, limit=limit)
        return list(cursor.sort(list(sort)) if sort else cursor)

    def one(self, collection: str, id_: str) -> Document | None:
        return self._db[collection].find_one(self.scoped({"_id": id_}))

    def aggregate(self, collection: str, which: Document, stages: list[dict[str, Any]]) -> list[Document]:
        return list(self._db[collection].aggregate([{"$match": self.scoped(which)}, *stages]))

    def scoped(self, which: Document) -> Document:
        return {"$and": [{"account_id": self._account_id}, which]} if which else {"account_id": self._account_id}
