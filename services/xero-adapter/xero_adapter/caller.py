"""One call to Xero as this service makes every call: with a token, a permit, and what came of it remembered."""

import threading
from datetime import datetime, timedelta
from uuid import uuid4

from accounting_link.chassis.clock import Clock
from accounting_link.contracts.connections import CallsCounted
from accounting_link.contracts.event import Scope
from xero_adapter.planning import app_limit, permits
from xero_adapter.planning.app_limit import Block, Drawn
from xero_adapter.planning.permits import Granted, Ledger, Limits, Said, Wait
from xero_adapter.store import Shared
from xero_adapter.xero import client
from xero_adapter.xero.client import Answer, Xero
from xero_adapter.xero.reading import Call
from xero_adapter.xero.refusals import ConnectionGone, TokenExpired, Unavailable
from xero_adapter.xero.tokens import Token, Tokens

_APP = "app"
_RENEWED_ONCE_IN = timedelta(minutes=1)


class Caller:
    """``ledgers`` by Xero tenant, ``app`` one document of the whole app."""

    def __init__(
        self,
        xero: Xero,
        tokens: Tokens,
        ledgers: Shared[Ledger],
        app: Shared[Drawn],
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._xero, self._tokens, self._ledgers, self._app = xero, tokens, ledgers, app
        self._limits, self._clock = limits, clock
        self._block, self._lock = Block(), threading.Lock()
        self._renewed: dict[str, datetime] = {}  # by connection

    def token(self, scope: Scope) -> Token:
        """Raises ConnectionGone, Unavailable. Asked for before the permit, which is too dear to hold meanwhile."""
        return self._tokens.get(scope.connection_id, scope.authorisation)

    def permit(self, token: Token, scope: Scope) -> Granted | Wait:
        permit_id = uuid4().hex

        def step(ledger: Ledger) -> tuple[Ledger, Granted | Wait]:
            return permits.ask(ledger, self._clock.now(), scope.lane, self._limits, permit_id)

        answer = self._ledgers.change(token.tenant_id, step)
        wait = self._app_leave() if isinstance(answer, Granted) else None
        if wait is None:
            return answer
        self._ledgers.change(token.tenant_id, lambda ledger: (permits.unused(ledger, permit_id), None))
        return Wait(until=wait)

    def _app_leave(self) -> datetime | None:
        """None when the app's own limit has room; else until when to wait."""
        with self._lock:
            now = self._clock.now()
            if self._block.take(now):
                return None
            drawn = self._app.change(_APP, lambda known: app_limit.draw(known, now, self._limits.app_a_minute))
            if isinstance(drawn, datetime):
                return drawn
            self._block = drawn
            self._block.take(now)
            return None

    def call(self, token: Token, scope: Scope, permit: Granted, call: Call) -> Answer:
        """Raises what :func:`client.check` raises; ConnectionGone only when that is so of the connection as it stands,
        TokenExpired when only this token's authorisation is past. The permit is given back whatever happens."""
        said = Said()
        try:
            if call.body:
                answer = self._xero.put(token, call.path, call.body, call.headers)
            else:
                answer = self._xero.get(token, call.path, call.query, call.headers)
            said = Said.of(answer.headers, self._limits.a_day, answer.egress)
        finally:
            self._give_back(token, permit, said)
        try:
            return client.check(answer)
        except ConnectionGone as gone:
            if self._tokens.lose(scope.connection_id, token):
                raise ConnectionGone(gone.what, token.authorisation) from gone
            raise TokenExpired("the connection was made again, or ended, since this token was given") from gone
        except TokenExpired as error:
            self._renew_once(scope.connection_id, error)
            # The next try, with a permit of its own, finds the new token.
            newer = self._tokens.get(scope.connection_id, scope.authorisation, refused=token)
            if newer.fingerprint == token.fingerprint:
                raise ConnectionGone("Xero does not accept this connection's token", token.authorisation) from error
            raise

    def _renew_once(self, connection_id: str, refusal: TokenExpired) -> None:
        """A token that was just renewed, and is refused as well, would be by each that follows."""
        now, last = self._clock.now(), self._renewed.get(connection_id)
        if last and now - last < _RENEWED_ONCE_IN:
            raise Unavailable("Xero does not accept a token that it has just given") from refusal
        self._renewed[connection_id] = now

    def counted(self, token: Token) -> CallsCounted:
        """How much of the organisation's day is used now, after a good call."""
        now = self._clock.now()
        ledger = self._ledgers.change(token.tenant_id, lambda known: (known, known))
        return CallsCounted(
            tenant_id=token.tenant_id,
            authorisation=token.authorisation,
            at=now,
            day=ledger.day or now.date().isoformat(),
            calls=ledger.calls_today,
            calls_a_day=self._limits.a_day,
            bytes=ledger.bytes_today,
            bytes_a_day=self._limits.bytes_a_day,
        )

    def _give_back(self, token: Token, permit: Granted, said: Said) -> None:
        now = self._clock.now()
        self._ledgers.change(token.tenant_id, lambda ledger: (permits.give_back(ledger, now, permit.id, said), None))
