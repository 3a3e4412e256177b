"""Token sets: what one consent gave, shared by its connections, refreshed by one replica at a time.

A refresh token is good once. Losing the answer that carries the next one, or asking twice at once, is how integrations
lose connections (xero-node issues 299, 370, 382, 572). So a refresh goes like this:

1. ``refreshing`` is written onto the set by compare-and-set on the fingerprint of the token it was read with: who it
   is, what the old token was, until when. Nobody else calls Xero until then.
2. Xero is asked.
3. The answer is stored by compare-and-set on the same fingerprint and holder.

Whoever dies in between leaves a ``refreshing`` that runs out. The next who needs the set, or the worker within a
minute of its running out, asks again with the old token, which Xero takes for 30 minutes after its first use.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import uuid4

from pymongo import ASCENDING, ReturnDocument

from accounting_link.chassis import logs, mongo
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db, Document, Session
from auth_link import connections, metrics
from auth_link.connections import Telling
from auth_link.vault import Vault, fingerprint
from auth_link.xero import Grant, GrantRefusedError, Identity, XeroUnavailableError

log = logs.logger()

FRESH = timedelta(minutes=5)
LEASE = timedelta(seconds=30)  # longer than a call to Xero can take
KEPT_ALIVE_AFTER = timedelta(days=20)  # an unused refresh token dies after 60 days
_AFTER_FAILURE = timedelta(seconds=5)
_PAUSE, _LOOKS = timedelta(milliseconds=100), 100  # ten seconds of waiting for another's refresh
_TRIES = 2  # refreshes for one who asks: the second when another's came between
_BARELY = timedelta(seconds=30)
_A_PASS = 100
# Of the 32 threads that a process has (chassis/gunicorn_conf.py): the others answer the gateway, whoever Xero keeps
# waiting.
_WAITING_AT_ONCE = 16

LOST_BECAUSE = "Xero no longer accepts the permission that was given: it was withdrawn, or not used for 60 days."

Pause = Callable[[timedelta], object]


class UnknownConnectionError(Exception):
    """There is no such connection."""


class NotConnectedError(Exception):
    """The connection is lost or was disconnected: no token until a person connects again."""

    def __init__(self, connection: Document) -> None:
        super().__init__(connection["state"])
        self.state: str = connection["state"]
        self.authorisation: int = connection["authorisation"]


class NoTokenYetError(Exception):
    """Xero does not answer, or another replica still waits for it. Nothing is lost; ask again in a moment."""


class Step(Enum):
    GIVE = "give"
    WAIT = "wait"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An access token with what its user must know."""

    access_token: str = field(repr=False)
    expires_at: datetime
    authorisation: int
    tenant_id: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An access token of a person at Xero."""

    access_token: str = field(repr=False)
    fingerprint: str


def decide(tokens: Document, now: datetime, refused: str, *, renewed: bool) -> Step:
    """What somebody who asks for a token does now. ``refused``: fingerprint of a set whose access token Xero would not
    take. ``renewed``: the set was refreshed since they asked, so its token is the answer however short it lives."""
    left = tokens["expires_at"] - now
    if renewed and left > timedelta():
        return Step.GIVE
    if left > FRESH and refused != tokens["fingerprint"]:
        return Step.GIVE
    if tokens["refreshing"] and tokens["refreshing"]["until"] > now:
        return Step.WAIT
    return Step.REFRESH


def prepare(db: Db) -> None:
    db.token_sets.create_index([("refreshing.until", ASCENDING)], sparse=True)
    db.token_sets.create_index([("refreshed_at", ASCENDING)])


class Tokens:
    """Gives access tokens. ``pause`` waits between two looks at a set that another replica is refreshing."""

    def __init__(
        self, db: Db, vault: Vault, identity: Identity, publisher: Publisher, clock: Clock, pause: Pause
    ) -> None:
        self._db, self._vault, self._identity = db, vault, identity
        self._publisher, self._clock, self._pause = publisher, clock, pause
        self._waiting = threading.BoundedSemaphore(_WAITING_AT_ONCE)

    # -- keeping

    def keep(self, session: Session, account_id: str, grant: Grant, asked_at: datetime) -> str:
        """Stores what a consent gave. Returns the set's id."""
        tokens = {
            "_id": uuid4().hex,
            "account_id": account_id,
            "auth_event_id": grant.auth_event_id,
            "xero_user_id": grant.xero_user_id,
            "created_at": asked_at,
            "dead": False,
            **self._sealed(grant, asked_at),
        }
        self._db.token_sets.insert_one(tokens, session=session)
        return str(tokens["_id"])

    def forget_unused(self, session: Session, account_id: str, token_set_ids: set[str]) -> None:
        """Of these sets, those that no connection lives by any more, and no disconnect that Xero is to be told of."""
        for key in token_set_ids:
            users = {"account_id": account_id, "token_set_id": key}
            if not any(
                collection.count_documents(users, limit=1, session=session)
                for collection in (self._db.connections, self._db.owed)
            ):
                self._db.token_sets.delete_one({"_id": key, "account_id": account_id}, session=session)

    def revoke(self, token_set_id: str, account_id: str) -> None:
        """Xero takes back all that the set's person granted. A dead set has nothing to take back. Raises
        XeroUnavailableError."""
        found = self._db.token_sets.find_one({"_id": token_set_id, "account_id": account_id, "dead": False})
        if found is not None:
            self._identity.revoke(self._vault.open(found["refresh"]))

    def _sealed(self, grant: Grant, asked_at: datetime) -> Document:
        return {
            "access": self._vault.seal(grant.access_token),
            "refresh": self._vault.seal(grant.refresh_token),
            "fingerprint": fingerprint(grant.refresh_token),
            "expires_at": asked_at + grant.lives,
            "refreshed_at": asked_at,
            "refreshing": None,
        }

    # -- giving

    def give(self, connection_id: str, refused: str = "", reference: str = "") -> Given:
        """An access token good for five minutes or more, unless Xero does not answer: then the one there is while it
        lives. Returns within half a minute; at once when many wait for Xero already.

        Raises UnknownConnectionError, NotConnectedError, NoTokenYetError.
        """
        connection = self._connected(connection_id)
        tokens = self._of(connection)
        if tokens is not None and decide(tokens, self._clock.now(), refused, renewed=False) is Step.GIVE:
            return self._given(connection, tokens)
        if not self._waiting.acquire(blocking=False):
            return self._make_do(connection, tokens, refused)
        try:
            return self._give_in_time(connection_id, refused, reference)
        finally:
            self._waiting.release()

    def _give_in_time(self, connection_id: str, refused: str, reference: str) -> Given:
        seen, tries = "", 0
        for _ in range(_LOOKS):
            connection = self._connected(connection_id)
            tokens = self._of(connection)
            if tokens is not None:
                seen = seen or tokens["fingerprint"]
                step = decide(tokens, self._clock.now(), refused, renewed=tokens["fingerprint"] != seen)
                if step is Step.GIVE:
                    return self._given(connection, tokens)
                if step is Step.REFRESH:
                    tries += 1
                    if tries <= _TRIES and self._try_refresh(tokens, reference):
                        continue
                    return self._make_do(connection, tokens, refused)
            self._pause(_PAUSE)
        return self._make_do(connection, tokens, refused)

    def of_set(self, token_set_id: str, account_id: str, refused: str = "") -> Access | None:
        """For calls that are about the person at Xero and not about one organisation. None when the set is dead or
        forgotten. Raises NoTokenYetError."""
        tries = 0
        for _ in range(_LOOKS):
            tokens = self._db.token_sets.find_one({"_id": token_set_id, "account_id": account_id, "dead": False})
            if tokens is None:
                return None
            step = decide(tokens, self._clock.now(), refused, renewed=tries > 0)
            if step is Step.GIVE:
                return Access(access_token=self._vault.open(tokens["access"]), fingerprint=tokens["fingerprint"])
            if step is Step.WAIT:
                self._pause(_PAUSE)
                continue
            tries += 1
            if tries > _TRIES or not self._try_refresh(tokens, reference=""):
                break
        raise NoTokenYetError

    def _connected(self, connection_id: str) -> Document:
        # By id alone: who may ask here serves every account, and shows a credential of its own.
        connection = self._db.connections.find_one({"_id": connection_id})
        if connection is None:
            raise UnknownConnectionError
        if connection["state"] != connections.CONNECTED:
            raise NotConnectedError(connection)
        return connection

    def _of(self, connection: Document) -> Document | None:
        """None when the connection has got another set, or was lost, since it was read."""
        return self._db.token_sets.find_one(
            {"_id": connection["token_set_id"], "account_id": connection["account_id"], "dead": False}
        )

    def _given(self, connection: Document, tokens: Document) -> Given:
        return Given(
            access_token=self._vault.open(tokens["access"]),
            expires_at=tokens["expires_at"],
            authorisation=connection["authorisation"],
            tenant_id=connection["tenant_id"],
            fingerprint=tokens["fingerprint"],
        )

    def _make_do(self, connection: Document, tokens: Document | None, refused: str) -> Given:
        """No new token is to be had now. The old one may still do."""
        if tokens is None or refused == tokens["fingerprint"] or tokens["expires_at"] - self._clock.now() < _BARELY:
            raise NoTokenYetError
        return self._given(connection, tokens)

    # -- refreshing

    def _try_refresh(self, tokens: Document, reference: str) -> bool:
        """False when Xero did not answer."""
        try:
            self._refresh(tokens, reference)
        except XeroUnavailableError as error:
            log.warning("a token could not be refreshed; tried again later", token_set=tokens["_id"], error=str(error))
            return False
        return True

    def _refresh(self, tokens: Document, reference: str) -> None:
        """Afterwards the set is refreshed, or dead, or another is at it. Raises XeroUnavailableError."""
        held = self._hold(tokens)
        if held is None:
            return
        mine = {
            "_id": held["_id"],
            "account_id": held["account_id"],
            "fingerprint": held["fingerprint"],
            "refreshing.holder": held["refreshing"]["holder"],
        }
        asked_at = self._clock.now()
        try:
            with metrics.REFRESH_SECONDS.time():
                grant = self._identity.refresh(self._vault.open(held["refresh"]))
        except GrantRefusedError:
            self._lose(mine, reference)
            return
        except XeroUnavailableError:
            metrics.REFRESHES.labels("unavailable").inc()
            soon = self._clock.now() + _AFTER_FAILURE
            self._db.token_sets.update_one(mine, {"$set": {"refreshing.until": soon}})
            raise
        stored = self._db.token_sets.update_one(mine, {"$set": self._sealed(grant, asked_at)})
        metrics.REFRESHES.labels("renewed" if stored.modified_count else "overtaken").inc()

    def _hold(self, tokens: Document) -> Document | None:
        """The set, read again and marked as being refreshed by us; None when another was quicker."""
        now = self._clock.now()
        free = {"$or": [{"refreshing": None}, {"refreshing.until": {"$lte": now}}]}
        began = (tokens["refreshing"] or {}).get("since", now)
        return self._db.token_sets.find_one_and_update(
            {
                "_id": tokens["_id"],
                "account_id": tokens["account_id"],
                "fingerprint": tokens["fingerprint"],
                "dead": False,
                **free,
            },
            {
                "$set": {
                    "refreshing": {
                        "fingerprint": tokens["fingerprint"],
                        "holder": uuid4().hex,
                        "since": began,
                        "until": now + LEASE,
                    }
                }
            },
            return_document=ReturnDocument.AFTER,
        )

    def _lose(self, mine: Document, reference: str) -> None:
        """invalid_grant. It means lost only while the token we showed is still the set's: else another has refreshed
        meanwhile, and all is well."""
        now = self._clock.now()
        dead = {"$set": {"dead": True, "died_at": now, "refreshing": None}, "$unset": {"access": "", "refresh": ""}}
        telling = Telling(db=self._db, publisher=self._publisher, reference=reference)

        def work(session: Session) -> int | None:
            if not self._db.token_sets.update_one(mine, dead, session=session).modified_count:
                return None
            return connections.lose(session, telling, mine["account_id"], mine["_id"], LOST_BECAUSE, now)

        lost = mongo.transact(self._db, work)
        metrics.REFRESHES.labels("overtaken" if lost is None else "lost").inc()
        if lost is not None:
            log.warning("Xero refuses a token set for good", token_set=mine["_id"], connections_lost=lost)

    # -- the worker's part

    def attend(self, go_on: Callable[[], bool]) -> int:
        """Finishes refreshes whose holder has gone, then refreshes what has been idle for long. Returns how many sets
        were tried; stops early when ``go_on`` says so."""
        now = self._clock.now()
        stale = {"refreshing.until": {"$lte": now}}
        idle = {"refreshed_at": {"$lte": now - KEPT_ALIVE_AFTER}, "refreshing": None}
        metrics.UNFINISHED.set(self._db.token_sets.count_documents(stale))
        tried = 0
        for query, order in ((stale, "refreshing.since"), (idle, "refreshed_at")):
            for tokens in self._db.token_sets.find({**query, "dead": False}).sort(order, ASCENDING).limit(_A_PASS):
                if go_on():
                    self._try_refresh(tokens, reference="")
                    tried += 1
        return tried
