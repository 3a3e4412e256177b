"""Webhooks: which events happened, in which deliveries they go out, and when a failed one is tried again.

Facts: developer.xero.com, webhooks, and the webhooks OpenAPI document. How many events one delivery carries and the
exact pauses are UNCONFIRMED. Nothing here waits or sends: the HTTP layer asks what is due and says how it went.
"""

import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

from xero_simulator.kinds import KINDS
from xero_simulator.wire import Doc, encode, from_ms

_CATEGORIES = {"contact": "CONTACT", "invoice": "INVOICE", "creditnote": "CREDITNOTE"}
_MOST_EVENTS = 50
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS, _GIVE_UP_MS = 5_000, 4 * 3_600_000, 24 * 3_600_000
_INTENTS = (True, False, True, False, True)  # rightly signed or not; the dice shuffle them
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Where events go. ``duplicates`` and ``disorder`` are how probable it is that one is repeated or held back."""

    url: str
    key: str
    categories: tuple[str, ...] = ("CONTACT", "INVOICE", "CREDITNOTE")
    duplicates: float = 0.0
    disorder: float = 0.0

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Subscription":
        """Raises ValueError or TypeError for what is not one."""
        made = cls(**{**asked, "categories": tuple(asked.get("categories", _CATEGORIES.values()))})
        if not made.url.startswith(("http://", "https://")) or not made.key:
            raise ValueError("a subscription needs an http(s) url and a key")
        if set(made.categories) - set(_CATEGORIES.values()):
            raise ValueError(f"categories are {', '.join(_CATEGORIES.values())}")
        return made


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One POST. ``wanted`` is the only status that is right: 401 for an intent that is wrongly signed on purpose."""

    url: str
    body: bytes
    signature: str
    first: int
    last: int
    due_ms: int
    began_ms: int
    wanted: int = 200
    intent: bool = False
    attempts: int = 0
    outcomes: list[str] = field(default_factory=list)


class Webhooks:
    """One app's subscription. Not thread-safe: the simulator's lock is held around every method.

    ``status``: none, validating (intent to receive goes out), ok, refused (the intent was answered wrongly), disabled
    (24 hours of failures). Events that happen while it is not ok are lost, as they are not subscribed to.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self.subscription: Subscription | None = None
        self.status = "none"
        self.sequence = 0
        self._events: list[Doc] = []
        self._waiting: list[Delivery] = []
        self._under_way: list[Delivery] = []
        self._ended: deque[Delivery] = deque(maxlen=1000)

    def subscribe(self, subscription: Subscription | None, status: str = "validating") -> None:
        """``status`` is what a journal says; a new subscription must show first that it can tell signatures."""
        self.subscription, self.status = subscription, status if subscription else "none"
        self.forget()

    def forget(self) -> None:
        """What has not gone out is not going to."""
        self._events, self._waiting, self._under_way = [], [], []

    def intend(self, now_ms: int) -> None:
        """Intent to receive: several empty deliveries, some wrongly signed; all must be answered rightly."""
        self.status = "validating"
        for right in self._random.sample(_INTENTS, len(_INTENTS)):
            delivery = self._delivery([], now_ms)
            delivery.intent = True
            if not right:
                delivery.signature, delivery.wanted = _signature("not the key", delivery.body), 401
            self._waiting.append(delivery)

    def happened(self, tenant: str, changed: Iterable[tuple[str, str, bool]], now_ms: int) -> None:
        """Records changed: kind, id, and whether it is new. A payment is told as a change of its invoice."""
        told = self.subscription.categories if self.subscription and self.status == "ok" else ()
        for kind, key, created in changed:
            if _CATEGORIES.get(kind) in told:
                self.sequence += 1
                self._events.append(self._event(tenant, kind, key, created, now_ms))

    def _event(self, tenant: str, kind: str, key: str, created: bool, now_ms: int) -> Doc:
        return {
            "resourceUrl": f"https://api.xero.com/api.xro/2.0/{KINDS[kind].resource}/{key}",
            "resourceId": key,
            "tenantId": tenant,
            "tenantType": "ORGANISATION",
            "eventCategory": _CATEGORIES[kind],
            "eventType": "CREATE" if created else "UPDATE",
            "eventDateUtc": from_ms(now_ms).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
        }

    # -- deliveries

    def due(self, now_ms: int) -> list[Delivery]:
        """What is to be sent now; each must come back with ``ended``."""
        self._pack(now_ms)
        due = [one for one in self._waiting if one.due_ms <= now_ms]
        self._waiting = [one for one in self._waiting if one.due_ms > now_ms]
        self._under_way += due
        return due

    def _pack(self, now_ms: int) -> None:
        assert self.subscription or not self._events
        first = self.sequence - len(self._events) + 1
        for start in range(0, len(self._events), _MOST_EVENTS):
            delivery = self._delivery(self._events[start : start + _MOST_EVENTS], now_ms, first + start)
            self._waiting.append(delivery)
            if self.subscription and self._random.random() < self.subscription.duplicates:
                self._waiting.append(self._copy(delivery))
            if self.subscription and self._random.random() < self.subscription.disorder:
                delivery.due_ms += self._random.randrange(500, 5_000)
        self._events = []

    def _delivery(self, events: list[Doc], now_ms: int, first: int = 0) -> Delivery:
        assert self.subscription
        last = first + len(events) - 1 if events else 0
        entropy = "".join(self._random.choices(_LETTERS, k=20))
        sequences = {"firstEventSequence": first, "lastEventSequence": last}
        body = encode({"events": events, **sequences, "entropy": entropy})
        signature = _signature(self.subscription.key, body)
        at: dict[str, Any] = {"due_ms": now_ms, "began_ms": now_ms}
        return Delivery(url=self.subscription.url, body=body, signature=signature, first=first, last=last, **at)

    def _copy(self, delivery: Delivery) -> Delivery:
        return Delivery(**{**asdict(delivery), "outcomes": []})

    def ended(self, delivery: Delivery, outcome: str, now_ms: int) -> None:
        """How it went: the status, or what went wrong; anything but a clean ``wanted`` is a failure."""
        delivery.attempts += 1
        delivery.outcomes.append(outcome)
        if not any(one is delivery for one in self._under_way):
            return  # the subscription it belonged to is gone
        self._under_way = [one for one in self._under_way if one is not delivery]
        right = outcome == str(delivery.wanted)
        if delivery.intent:
            self._ended.append(delivery)
            self._validated(right)
        elif right:
            self._ended.append(delivery)
        elif now_ms - delivery.began_ms >= _GIVE_UP_MS:
            self.status = "disabled"
            self.forget()
            self._ended.append(delivery)
        else:
            pause = min(_FIRST_PAUSE_MS * 2 ** (delivery.attempts - 1), _LONGEST_PAUSE_MS)
            delivery.due_ms = min(now_ms + pause, delivery.began_ms + _GIVE_UP_MS)
            self._waiting.append(delivery)

    def _validated(self, right: bool) -> None:
        if not right:
            self.status = "refused"
        elif self.status == "validating" and not any(one.intent for one in (*self._waiting, *self._under_way)):
            self.status = "ok"

    def told(self) -> Doc:
        """For the control API; without the key."""
        subscription = {**asdict(self.subscription), "key": "…"} if self.subscription else None
        lists = {"waiting": (*self._waiting, *self._under_way), "ended": self._ended}
        shown = {name: [_shown(one) for one in many] for name, many in lists.items()}
        return {"status": self.status, "sequence": self.sequence, "subscription": subscription, **shown}


def _shown(delivery: Delivery) -> Doc:
    kept = ("first", "last", "intent", "wanted", "attempts", "outcomes")
    return {**{name: getattr(delivery, name) for name in kept}, "due": from_ms(delivery.due_ms).isoformat()}


def _signature(key: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()
