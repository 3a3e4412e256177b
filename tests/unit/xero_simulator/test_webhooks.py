"""Webhooks: what is told, signed and numbered; intent to receive; retries, giving up, repeats and disorder."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.xero_simulator.conftest import Browser, FakeClock, World, a_browser
from xero_simulator.journal import Journal
from xero_simulator.simulator import Simulator
from xero_simulator.webhooks import Delivery
from xero_simulator.wire import decode

KEY = "a webhook key"


def is_signed(delivery: Delivery) -> bool:
    digest = hmac.new(KEY.encode(), delivery.body, hashlib.sha256).digest()
    return delivery.signature == base64.b64encode(digest).decode()


def careful(delivery: Delivery) -> str:
    """A receiver as Xero wants it."""
    return "200" if is_signed(delivery) else "401"


def gullible(_: Delivery) -> str:
    return "200"


def down(_: Delivery) -> str:
    return "503"


def deliver(simulator: Simulator, receiver: Callable[[Delivery], str] = careful) -> list[Delivery]:
    sent = simulator.webhooks_due()
    for delivery in sent:
        simulator.webhook_ended(delivery, receiver(delivery))
    return sent


def subscribed(world: World, **more: Any) -> World:
    world.simulator.subscribe({"url": "http://app.example/webhooks", "key": KEY, **more})
    deliver(world.simulator)
    assert world.simulator.webhooks.status == "ok"
    return world


def events(deliveries: list[Delivery]) -> list[Any]:
    return [event for delivery in deliveries for event in decode(delivery.body)["events"]]


def pay(world: World) -> str:
    key = str(world.an_invoice(status="AUTHORISED")["InvoiceID"])
    world.simulator.change(world.tenant, [{"kind": "invoice", "op": "pay", "id": key, "amount": "0.01"}])
    return key


def test_intent_to_receive_comes_several_times_empty_and_some_wrongly_signed(world: World) -> None:
    world.simulator.subscribe({"url": "http://app.example/webhooks", "key": KEY})
    sent = deliver(world.simulator)
    assert sorted(map(is_signed, sent)) == [False, False, True, True, True]
    bodies = [decode(one.body) for one in sent]
    assert all((b["events"], b["firstEventSequence"], b["lastEventSequence"]) == ([], 0, 0) for b in bodies)
    assert len({b["entropy"] for b in bodies}) == len(bodies)


@pytest.mark.parametrize("receiver", [gullible, down])
def test_a_receiver_that_cannot_tell_signatures_is_told_nothing(world: World, receiver: Any) -> None:
    world.simulator.subscribe({"url": "http://app.example/webhooks", "key": KEY})
    deliver(world.simulator, receiver)
    assert world.simulator.webhooks.status == "refused"
    pay(world)
    assert deliver(world.simulator) == []


def test_a_change_is_told_with_what_where_and_a_number_and_without_data(world: World) -> None:
    key = pay(subscribed(world))
    sent = deliver(world.simulator)
    assert all(map(is_signed, sent))
    body = decode(sent[0].body)
    assert (body["firstEventSequence"], body["lastEventSequence"]) == (1, 1)
    assert body["events"] == [
        {
            "resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{key}",
            "resourceId": key,
            "tenantId": world.tenant,
            "tenantType": "ORGANISATION",
            "eventCategory": "INVOICE",
            "eventType": "UPDATE",
            "eventDateUtc": "2026-03-02T09:30:15.250",
        }
    ]
    assert deliver(world.simulator) == []


def test_numbers_run_on_over_deliveries_and_a_new_record_is_a_create(world: World) -> None:
    subscribed(world)
    world.simulator.touch_some(world.tenant, "invoice", 120)
    world.simulator.change(world.tenant, [{"kind": "contact", "op": "create", "set": {"Name": "New"}}])
    sent = deliver(world.simulator)
    assert [(one.first, one.last) for one in sent] == [(1, 50), (51, 100), (101, 121)]
    assert events(sent)[-1]["eventType"] == "CREATE"


def test_only_the_categories_and_the_organisations_that_are_connected_are_told(browser: Browser) -> None:
    simulator = browser.simulator
    simulator.subscribe({"url": "http://app.example/webhooks", "key": KEY, "categories": ["CONTACT"]})
    deliver(simulator)
    browser.connect(tenants=browser.tenants[:1])
    for tenant in browser.tenants:
        simulator.touch_some(tenant, "contact", 1)
        simulator.touch_some(tenant, "invoice", 1)
    told = events(deliver(simulator))
    assert [(one["tenantId"], one["eventCategory"]) for one in told] == [(browser.tenants[0], "CONTACT")]


def test_a_failed_delivery_is_tried_again_ever_more_seldom_with_the_same_body(world: World) -> None:
    pay(subscribed(world))
    began, times, bodies = world.clock.now(), [], set()
    for _ in range(5):
        while not (sent := deliver(world.simulator, down)):
            world.clock.advance(seconds=1)
        times.append((world.clock.now() - began).total_seconds())
        bodies |= {one.body for one in sent}
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [5, 10, 20, 40]
    assert len(bodies) == 1
    world.clock.advance(seconds=80)
    assert len(deliver(world.simulator)) == 1
    world.clock.advance(days=2)
    assert deliver(world.simulator) == []


def test_after_a_day_of_failures_the_subscription_is_disabled_and_not_before(world: World) -> None:
    pay(subscribed(world))
    for hour in range(24):
        deliver(world.simulator, down)
        assert world.simulator.webhooks.status == "ok", hour
        world.clock.advance(hours=1)
    deliver(world.simulator, down)
    assert world.simulator.webhooks.status == "disabled"
    pay(world)
    assert deliver(world.simulator) == []


def test_repeats_and_disorder_come_when_asked_for_and_only_then(world: World) -> None:
    def told(**more: float) -> list[int]:
        subscribed(world, **more)
        numbers = []
        for _ in range(20):
            pay(world)
            numbers += [one.first for one in deliver(world.simulator)]
            world.clock.advance(seconds=1)
        world.clock.advance(seconds=10)
        return numbers + [one.first for one in deliver(world.simulator)]

    plain = told()
    assert plain == list(range(1, 21))
    odd = told(duplicates=0.5, disorder=0.5)
    assert len(odd) > len(set(odd)) == 20
    assert odd != sorted(odd)


def test_a_subscription_outlives_a_kill_and_its_numbers_run_on(tmp_path: Any) -> None:
    path, clock = tmp_path / "journal.jsonl", FakeClock()
    first = World(clock, Simulator(clock, check_tokens=False, journal=Journal(path))).seed(10, 20)
    subscribed(first)
    first.simulator.touch_some(first.tenant, "invoice", 3)
    second = World(clock, Simulator(clock, check_tokens=False, journal=Journal(path)), first.tenant)
    assert second.simulator.webhooks.status == "ok"
    second.simulator.touch_some(second.tenant, "invoice", 1)
    assert [(one.first, one.last) for one in deliver(second.simulator)] == [(4, 4)]


@pytest.mark.parametrize("asked", [{"url": "ftp://x", "key": "k"}, {"url": "http://x"}, {"url": "http://x", "key": ""}])
def test_what_is_no_subscription_is_refused(asked: dict[str, str]) -> None:
    browser = a_browser(Simulator)
    assert browser.http.post("/simulator/webhooks", json=asked).status_code == 400
    assert browser.http.get("/simulator/webhooks").json["status"] == "none"
