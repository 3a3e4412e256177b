"""Connecting to Xero: a person is sent to Xero's consent and comes back connected, or with the reason why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounting_link.chassis import logs, mongo
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db, Session
from auth_link import connections, disconnecting
from auth_link.connections import LivesBy, Telling
from auth_link.leases import BusyError, Lease, Leases
from auth_link.states import ExpiredStateError, OthersStateError, States, UnknownStateError
from auth_link.tokens import Tokens
from auth_link.xero import Grant, GrantRefusedError, Identity, Organisation, XeroUnavailableError

log = logs.logger()

DENIED, EXPIRED, REPLAYED, OTHER_ACCOUNT = "denied", "expired", "replayed", "other-account"
MISSING_SCOPE, XERO_UNAVAILABLE, NO_ORGANISATION = "missing-scope", "xero-unavailable", "no-organisation"
SIGNED_OUT, NOT_ALLOWED = "signed-out", "not-allowed"
REASONS = (
    *(DENIED, EXPIRED, REPLAYED, OTHER_ACCOUNT, MISSING_SCOPE, XERO_UNAVAILABLE, NO_ORGANISATION),
    *(SIGNED_OUT, NOT_ALLOWED),
)

_STORING = timedelta(seconds=30)  # one call to Xero and one transaction; also how long a killed one stands in the way
_ON_THE_WAY = timedelta(minutes=2)  # to Xero and back; who takes longer and meets a delete is asked to connect again
_PATIENCE = timedelta(seconds=5)  # with somebody's disconnect that is being told to Xero


class NotConnectedError(Exception):
    """``reason`` is one of REASONS; the page that it leads to says what happened and what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What Xero sent the browser back with (RFC 6749, 4.1.2)."""

    code: str = field(default="", repr=False)
    state: str = field(default="", repr=False)
    error: str = ""


class Consents:
    """Begins and finishes consents. ``scopes``: what people are asked for, all of which is needed."""

    def __init__(
        self,
        db: Db,
        states: States,
        tokens: Tokens,
        identity: Identity,
        leases: Leases,
        publisher: Publisher,
        clock: Clock,
        scopes: tuple[str, ...],
    ) -> None:
        self._db, self._states, self._tokens, self._identity = db, states, tokens, identity
        self._leases = leases
        self._publisher, self._clock, self._scopes = publisher, clock, frozenset(scopes)

    def begin(self, caller: Caller) -> str:
        """The address to send the person's browser to."""
        begun = self._states.begin(caller)
        disconnecting.put_off(self._db, caller.account_id, self._clock.now() + _ON_THE_WAY)
        return self._identity.authorize_url(begun.state, begun.challenge)

    def finish(self, caller: Caller, answer: Answer, reference: str) -> list[str]:
        """The ids of the connections made, all in one transaction with their tokens and events. Raises
        NotConnectedError; nothing is stored then."""
        verifier = self._verifier(answer.state, caller)
        if answer.error or not answer.code:
            raise NotConnectedError(_reason_of(answer.error))
        asked_at = self._clock.now()
        grant = self._exchanged(answer.code, verifier)
        try:
            with self._leases.of(grant.xero_user_id, _PATIENCE, _STORING) as lease:
                return self._stored(caller, grant, asked_at, reference, lease)
        except BusyError:
            log.warning("connecting failed: a disconnect of the same person was being told to Xero")
            raise NotConnectedError(XERO_UNAVAILABLE) from None

    def _stored(self, caller: Caller, grant: Grant, asked_at: datetime, reference: str, lease: Lease) -> list[str]:
        # Asked for under the lease: whoever revoked or deleted before it shows here, and nobody does until it ends.
        organisations = self._granted(grant)
        tenants = [each.tenant_id for each in organisations]

        def store(session: Session) -> list[str]:
            before = self._sets_in_use(session, caller, organisations)
            before |= disconnecting.drop(self._db, session, caller.account_id, tenants)
            key = self._tokens.keep(session, caller.account_id, grant, asked_at)
            by = LivesBy(token_set_id=key, xero_user_id=grant.xero_user_id)
            telling = Telling(db=self._db, publisher=self._publisher, reference=reference)
            made = connections.establish(session, telling, caller, organisations, by, asked_at)
            self._tokens.forget_unused(session, caller.account_id, before)
            return made

        if not lease.stands():
            raise NotConnectedError(XERO_UNAVAILABLE)
        return mongo.transact(self._db, store)

    def _verifier(self, state: str, caller: Caller) -> str:
        try:
            return self._states.consume(state, caller)
        except UnknownStateError:
            raise NotConnectedError(REPLAYED) from None
        except ExpiredStateError:
            raise NotConnectedError(EXPIRED) from None
        except OthersStateError:
            raise NotConnectedError(OTHER_ACCOUNT) from None

    def _exchanged(self, code: str, verifier: str) -> Grant:
        with _said_plainly():
            grant = self._identity.exchange(code, verifier)
        if self._lacks_a_scope(grant):
            raise NotConnectedError(MISSING_SCOPE)
        return grant

    def _granted(self, grant: Grant) -> list[Organisation]:
        with _said_plainly():
            organisations = self._identity.organisations(grant)
        if not organisations:
            raise NotConnectedError(NO_ORGANISATION)
        return organisations

    def _lacks_a_scope(self, grant: Grant) -> bool:
        lacking = self._scopes - grant.scopes if grant.scopes else frozenset[str]()
        if lacking:
            log.warning("the consent lacks scopes", lacking=sorted(lacking))
        return bool(lacking) or not grant.refresh_token

    def _sets_in_use(self, session: Session, caller: Caller, organisations: list[Organisation]) -> set[str]:
        """The token sets that the caller's connections to these organisations live by until now."""
        query = {"account_id": caller.account_id, "tenant_id": {"$in": [each.tenant_id for each in organisations]}}
        held = self._db.connections.find(query, session=session)
        return {found["token_set_id"] for found in held if found["token_set_id"]}


@contextmanager
def _said_plainly() -> Iterator[None]:
    """What a call to Xero raises, as the reason that a person is told."""
    try:
        yield
    except GrantRefusedError:  # the state was good and new, so the code had its five minutes, or was revoked since
        raise NotConnectedError(EXPIRED) from None
    except XeroUnavailableError as error:
        log.warning("connecting failed at Xero", error=str(error))
        raise NotConnectedError(XERO_UNAVAILABLE) from None


def _reason_of(error: str) -> str:
    if error == "access_denied":
        return DENIED
    if error == "invalid_scope":
        return MISSING_SCOPE
    log.warning("the consent came back without a code", with_error=bool(error))
    return XERO_UNAVAILABLE
