"""Setting aside what cannot be used, with its reason and origin, so that nothing is lost and nothing stops."""

import base64

from accounting_link.chassis.clock import Clock
from accounting_link.chassis.messages import Outgoing, Publisher, Unread
from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.event import Scope

_KEPT_BYTES = 100_000
_NOBODY = Scope(account_id="unknown", connection_id="unknown")


class DeadLetters:
    def __init__(self, publisher: Publisher, *, consumer: str, clock: Clock) -> None:
        self._publisher, self._consumer, self._clock = publisher, consumer, clock

    def keep(self, unread: list[Unread]) -> None:
        """Acknowledged by the broker, or it raises."""
        self._publisher.confirmed(self._of_message(one) for one in unread)

    def keep_record(self, scope: Scope, about: str, reason: str, value: bytes) -> None:
        """A record that never was on a topic (Xero's own answer)."""
        self._publisher.confirmed([self._outgoing(scope, about=about, reason=reason, value=value)])

    def _of_message(self, unread: Unread) -> Outgoing:
        delivery, error = unread.delivery, unread.error
        return self._outgoing(
            error.scope or _NOBODY,
            about=error.subject,
            reason=error.reason,
            value=delivery.value or b"",
            type_=error.type,
            topic=delivery.place.topic,
            partition=delivery.place.partition,
            offset=delivery.offset,
        )

    def _outgoing(
        self,
        scope: Scope,
        *,
        about: str,
        reason: str,
        value: bytes,
        type_: str = "",
        topic: str = "",
        partition: int = 0,
        offset: int = 0,
    ) -> Outgoing:
        letter = DeadLettered(
            consumer=self._consumer,
            reason=reason,
            about=about,
            type=type_,
            topic=topic,
            partition=partition,
            offset=offset,
            value=base64.b64encode(value[:_KEPT_BYTES]).decode(),
            size=len(value),
            at=self._clock.now(),
        )
        return Outgoing(event=letter, scope=scope)
