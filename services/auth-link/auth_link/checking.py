"""A light call a day for each token set: is the organisation still connected, and what is it called now?

It asks Xero's list of connections, which costs no organisation's limits, tells a disconnect made inside Xero and keeps
the tokens from growing old. A connection is lost by compare-and-set on its authorisation, so one that was made again
meanwhile stays.
"""

from collections.abc import Callable
from datetime import timedelta

from pymongo import ASCENDING

from accounting_link.chassis import logs, mongo
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db, Document
from auth_link import connections, metrics
from auth_link.connections import CHECKED_EVERY, CONNECTED, Telling
from auth_link.tokens import NoTokenYetError, Tokens
from auth_link.xero import Identity, Organisation, TokenRefusedError, XeroUnavailableError

log = logs.logger()

REFUSED_BECAUSE = "Xero no longer gives access to this organisation: it was disconnected inside Xero, or reset."
_SOON = timedelta(minutes=10)
_A_PASS = 50


class Checks:
    def __init__(self, db: Db, tokens: Tokens, identity: Identity, publisher: Publisher, clock: Clock) -> None:
        self._db, self._tokens, self._identity = db, tokens, identity
        self._publisher, self._clock = publisher, clock

    def refused(self, connection_id: str, authorisation: int, reference: str) -> bool:
        """Xero refused this connection (403) under this authorisation. True when it is lost by that."""
        telling = Telling(db=self._db, publisher=self._publisher, reference=reference)
        now = self._clock.now()
        lost = mongo.transact(
            self._db,
            lambda session: connections.lose_one(session, telling, connection_id, authorisation, REFUSED_BECAUSE, now),
        )
        metrics.CHECKS.labels("refused" if lost else "refused before").inc()
        return lost

    def attend(self, go_on: Callable[[], bool]) -> int:
        """Checks the token sets whose day is over. Returns how many connections were looked at."""
        due = {"state": CONNECTED, "check_due": {"$lte": self._clock.now()}}
        found = list(self._db.connections.find(due).sort("check_due", ASCENDING).limit(_A_PASS))
        by_set: dict[str, list[Document]] = {}
        for connection in found:
            by_set.setdefault(connection["token_set_id"], []).append(connection)
        for key, living in by_set.items():
            if go_on():
                self._check(key, living)
        return len(found)

    def _check(self, token_set_id: str, living: list[Document]) -> None:
        try:
            listed = self._listed(token_set_id, living[0]["account_id"])
        except (XeroUnavailableError, NoTokenYetError, TokenRefusedError) as error:
            log.warning("a connection could not be checked; tried again later", error=type(error).__name__)
            metrics.CHECKS.labels("unavailable").inc()
            self._due_again(living, _SOON)
            return
        if listed is None:  # the set is dead, and its connections were lost with it
            return
        for connection in living:
            self._found(connection, listed.get(connection["tenant_id"]))

    def _listed(self, token_set_id: str, account_id: str) -> dict[str, Organisation] | None:
        access = self._tokens.of_set(token_set_id, account_id)
        if access is None:
            return None
        return {each.tenant_id: each for each in self._identity.connected(access.access_token)}

    def _found(self, connection: Document, organisation: Organisation | None) -> None:
        if organisation is None:
            self.refused(connection["_id"], connection["authorisation"], reference="")
            return
        now = self._clock.now()
        self._db.connections.update_one(
            {"_id": connection["_id"], "authorisation": connection["authorisation"]},
            {
                "$set": {
                    "last_good_at": now,
                    "check_due": now + CHECKED_EVERY,
                    "tenant_name": organisation.name or connection["tenant_name"],
                }
            },
        )
        metrics.CHECKS.labels("connected").inc()

    def _due_again(self, living: list[Document], after: timedelta) -> None:
        ids = [connection["_id"] for connection in living]
        self._db.connections.update_many({"_id": {"$in": ids}}, {"$set": {"check_due": self._clock.now() + after}})
