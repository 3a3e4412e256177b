"""OAuth states: what ties the answer of Xero's consent to the person who asked, once and for ten minutes."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from pymongo import ASCENDING

from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.mongo import Db
from auth_link.vault import Vault

LIFE = timedelta(minutes=10)
# An expired state is kept this long, useless, so that a late person is told "expired" and not "used already".
_REMEMBERED = timedelta(hours=1)


class UnknownStateError(Exception):
    """Used already, made up, or expired long ago."""


class ExpiredStateError(Exception):
    """Came back later than ten minutes after it was made."""


class OthersStateError(Exception):
    """Made for another user or another account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A consent about to be asked for. Neither value is stored as it is."""

    state: str = field(repr=False)
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """PKCE S256 (RFC 7636, 4.2)."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


class States:
    def __init__(self, db: Db, vault: Vault, clock: Clock) -> None:
        self._db, self._vault, self._clock = db, vault, clock

    def prepare(self) -> None:
        self._db.oauth_states.create_index(
            [("expires_at", ASCENDING)], expireAfterSeconds=int(_REMEMBERED.total_seconds())
        )

    def begin(self, caller: Caller) -> Begun:
        begun = Begun(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(64))
        self._db.oauth_states.insert_one(
            {
                "_id": _hashed(begun.state),
                "account_id": caller.account_id,
                "user_id": caller.user_id,
                "verifier": self._vault.seal(begun.verifier),
                "expires_at": self._clock.now() + LIFE,
            }
        )
        return begun

    def consume(self, state: str, caller: Caller) -> str:
        """The verifier. The state is gone afterwards, whatever comes of it: of many who show it one gets this far.

        Raises UnknownStateError, ExpiredStateError, OthersStateError.
        """
        found = self._db.oauth_states.find_one_and_delete({"_id": _hashed(state)})
        if found is None:
            raise UnknownStateError
        if (found["account_id"], found["user_id"]) != (caller.account_id, caller.user_id):
            raise OthersStateError
        if found["expires_at"] <= self._clock.now():
            raise ExpiredStateError
        return self._vault.open(found["verifier"])


def _hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
