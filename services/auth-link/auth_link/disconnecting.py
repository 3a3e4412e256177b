"""Disconnecting: stored at once, told to Xero as soon as Xero answers.

What a person asked for holds from the moment it is stored: no token is given any more. What Xero must still be told
stands in ``owed``, one document a disconnect, written in the same transaction; the worker tries until it is done or
until the organisation is connected again. So it works with Xero down, and with the organisation gone there already.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from pymongo import ASCENDING

from accounting_link.chassis import logs, mongo
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db, Document, Session
from auth_link import connections, metrics
from auth_link.connections import CONNECTED, DISCONNECTED, Telling
from auth_link.leases import BusyError, Lease, Leases
from auth_link.tokens import Access, NoTokenYetError, Tokens, UnknownConnectionError
from auth_link.xero import Identity, TokenRefusedError, XeroUnavailableError

log = logs.logger()

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
_A_PASS = 20


def prepare(db: Db) -> None:
    db.owed.create_index([("next_at", ASCENDING)])
    db.owed.create_index([("xero_user_id", ASCENDING)])
    db.owed.create_index([("token_set_id", ASCENDING)])


class Disconnects:
    def __init__(
        self, db: Db, tokens: Tokens, identity: Identity, leases: Leases, publisher: Publisher, clock: Clock
    ) -> None:
        self._db, self._tokens, self._identity, self._leases = db, tokens, identity, leases
        self._publisher, self._clock = publisher, clock

    # -- a person's part

    def disconnect(self, caller: Caller, connection_id: str, reference: str) -> Document:
        """The connection as it now stands; one that was disconnected already stays as it is. Raises
        UnknownConnectionError, also for another account's."""
        telling = Telling(db=self._db, publisher=self._publisher, reference=reference)
        mine = {"_id": connection_id, "account_id": caller.account_id}

        def work(session: Session) -> Document:
            now = self._clock.now()
            found = self._db.connections.find_one(mine, session=session)
            if found is None:
                raise UnknownConnectionError
            if found["state"] == DISCONNECTED:
                return found
            removed = connections.remove(session, telling, caller, found, now)
            self._db.owed.insert_one(
                {
                    "account_id": caller.account_id,
                    "connection_id": connection_id,
                    "authorisation": removed["authorisation"],
                    **{name: found[name] for name in ("tenant_id", "xero_connection_id", "xero_user_id")},
                    "token_set_id": found["token_set_id"],
                    "tries": 0,
                    "next_at": now,
                },
                session=session,
            )
            return removed

        return mongo.transact(self._db, work)

    # -- the worker's part

    def attend(self, go_on: Callable[[], bool]) -> int:
        """Tells Xero what it is owed and due. Returns how many were tried; stops early when ``go_on`` says so."""
        metrics.OWED.set(self._db.owed.estimated_document_count())
        tried = 0
        due = {"next_at": {"$lte": self._clock.now()}}
        for owed in self._db.owed.find(due).sort("next_at", ASCENDING).limit(_A_PASS):
            if go_on():
                self._try(owed)
                tried += 1
        return tried

    def _try(self, owed: Document) -> None:
        try:
            with self._leases.of(owed["xero_user_id"]) as lease:
                outcome = self._settle(owed, lease)
        except BusyError:
            return  # a moment, and the next turn
        except (XeroUnavailableError, NoTokenYetError, TokenRefusedError) as error:
            pause = min(_FIRST_PAUSE * float(2 ** min(owed["tries"], 12)), _LONGEST_PAUSE)
            log.warning("Xero cannot be told of a disconnect; tried again later", error=type(error).__name__)
            self._db.owed.update_one(
                {"_id": owed["_id"]}, {"$inc": {"tries": 1}, "$set": {"next_at": self._clock.now() + pause}}
            )
            outcome = "unavailable"
        metrics.DISCONNECTS.labels(outcome).inc()

    def _settle(self, owed: Document, lease: Lease) -> str:
        if not self.is_owed(owed):
            return self._drop(owed)
        access = self._access(owed)
        if access is None:  # Xero has withdrawn the permission itself, or nobody but the person can
            self._close(owed)
            return "no token"
        # Between the first look and here a token may have been refreshed, which takes its time.
        if not lease.stands() or not self.is_owed(owed):
            return "dropped"
        self._delete(owed, access)
        if self._is_last(owed) and lease.stands():
            self._tokens.revoke(owed["token_set_id"], owed["account_id"])
        self._close(owed)
        return "deleted"

    def _drop(self, owed: Document) -> str:
        if self._db.owed.find_one({"_id": owed["_id"], "next_at": {"$gt": self._clock.now()}}):
            return "put off"
        self._close(owed)
        return "dropped"

    def is_owed(self, owed: Document) -> bool:
        """Not when the organisation was connected again, nor while another account holds the same connection."""
        # Not now either, when somebody of the account is on the way to Xero to connect again.
        if self._db.owed.find_one({"_id": owed["_id"], "next_at": owed["next_at"]}) is None:
            return False
        mine = self._db.connections.find_one({"_id": owed["connection_id"], "account_id": owed["account_id"]})
        if mine is None or mine["authorisation"] != owed["authorisation"]:
            return False
        same = {"xero_connection_id": owed["xero_connection_id"], "state": CONNECTED}
        return self._db.connections.find_one(same) is None

    def _access(self, owed: Document, refused: str = "") -> Access | None:
        key = owed["token_set_id"]
        return self._tokens.of_set(key, owed["account_id"], refused) if key else None

    def _delete(self, owed: Document, access: Access) -> None:
        try:
            self._identity.delete_connection(access.access_token, owed["xero_connection_id"])
        except TokenRefusedError:
            fresh = self._access(owed, access.fingerprint)
            if fresh is not None:
                self._identity.delete_connection(fresh.access_token, owed["xero_connection_id"])

    def _is_last(self, owed: Document) -> bool:
        """Revoking takes down all that this person granted to us, in whichever account."""
        user = owed["xero_user_id"]
        if not user:
            return False
        others = {"xero_user_id": user, "_id": {"$ne": owed["_id"]}}
        living = {"xero_user_id": user, "state": CONNECTED}
        return self._db.connections.find_one(living) is None and self._db.owed.find_one(others) is None

    def _close(self, owed: Document) -> None:
        def work(session: Session) -> None:
            self._db.owed.delete_one({"_id": owed["_id"]}, session=session)
            if owed["token_set_id"]:
                self._tokens.forget_unused(session, owed["account_id"], {owed["token_set_id"]})

        mongo.transact(self._db, work)


def put_off(db: Db, account_id: str, until: datetime) -> None:
    """Somebody of this account has been sent to Xero, perhaps to connect again what was just disconnected: a delete
    that came after the consent and before its answer would take the new connection."""
    db.owed.update_many({"account_id": account_id, "next_at": {"$lt": until}}, {"$set": {"next_at": until}})


def drop(db: Db, session: Session, account_id: str, tenant_ids: list[str]) -> set[str]:
    """These organisations are being connected again: nothing is owed for them any more. Returns the token sets that
    were kept for it."""
    query = {"account_id": account_id, "tenant_id": {"$in": tenant_ids}}
    kept = {owed["token_set_id"] for owed in db.owed.find(query, session=session) if owed["token_set_id"]}
    db.owed.delete_many(query, session=session)
    return kept
