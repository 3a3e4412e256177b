"""Access tokens: given while fresh, refreshed once by one, never lost while Xero would still take the old one."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from accounting_link.chassis import mongo
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.mongo import Document
from accounting_link.contracts.cloudevents import decode
from accounting_link.contracts.connections import ConnectionLost
from auth_link.parts import really_pause
from auth_link.tokens import KEPT_ALIVE_AFTER, LEASE, LOST_BECAUSE, Given, NotConnectedError, NoTokenYetError, Tokens
from auth_link.vault import Vault
from auth_link.xero import Grant, GrantRefusedError, XeroIdentity, XeroUnavailableError
from tests.integration.auth_link.world import ADA, World, a_time, environment

pytestmark = pytest.mark.mongo

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
OLD = timedelta(minutes=26)  # an access token of Xero's lives 30 minutes
GRACE = timedelta(minutes=30)


@pytest.fixture
def kiwi(world: World) -> str:
    """A connection; Xero was called once for it."""
    return world.connect(ADA, [world.kiwi])


def losses(world: World) -> list[ConnectionLost]:
    rows = world.db.outbox.find()
    told = [decode([(name, bytes(value)) for name, value in row["headers"]], bytes(row["value"])) for row in rows]
    return [each.event for each in told if isinstance(each.event, ConnectionLost)]


def works_at_xero(world: World, given: Given) -> bool:
    headers = {"Authorization": f"Bearer {given.access_token}"}
    return world.simulator.call(given.tenant_id, "/Organisation", headers=headers).status == 200


# -- over HTTP


def test_a_fresh_token_is_given_without_a_call_to_xero(world: World, kiwi: str) -> None:
    answer = world.token(kiwi)

    assert answer.status_code == 200
    assert answer.json.keys() == {"access_token", "expires_at", "authorisation", "tenant_id", "fingerprint"}
    assert answer.json["tenant_id"] == world.kiwi
    assert a_time(answer.json["expires_at"]) - world.clock.now() == timedelta(minutes=30)
    assert answer.headers["Cache-Control"] == "no-store"
    assert world.refreshes() == 1


def test_a_token_with_little_time_left_is_refreshed_first(world: World, kiwi: str) -> None:
    before = world.token(kiwi).json
    world.advance(OLD)

    after = world.token(kiwi).json

    assert after["access_token"] != before["access_token"]
    assert after["fingerprint"] != before["fingerprint"]
    assert world.token(kiwi).json == after
    assert world.refreshes() == 2


def test_a_refused_token_is_refreshed_once_however_many_say_so(world: World, kiwi: str) -> None:
    refused = world.token(kiwi).json["fingerprint"]

    answers = [world.token(kiwi, refused).json for _ in range(3)]

    assert world.refreshes() == 2
    assert {each["fingerprint"] for each in answers} == {answers[0]["fingerprint"]} != {refused}


def test_organisations_of_one_consent_share_a_refresh(world: World) -> None:
    world.get(ADA, world.consent(world.begin(ADA), [world.kiwi, world.bakery]))
    world.advance(OLD)

    tenants = {world.token(each["_id"]).json["tenant_id"] for each in world.db.connections.find()}

    assert tenants == {world.kiwi, world.bakery}
    assert world.refreshes() == 2


@pytest.mark.parametrize("key", ["", "wrong", "é"])
def test_without_the_service_key_there_is_no_token(world: World, kiwi: str, key: str) -> None:
    answer = world.token(kiwi, key=key)

    assert answer.status_code == 401
    assert "access_token" not in answer.text


@pytest.mark.parametrize("body", ["[]", "[{}]", "{", "null", '{"refused_fingerprint": 7}', '{"other": 1}', "7"])
def test_a_body_that_is_none_is_refused(world: World, kiwi: str, body: str) -> None:
    headers = {"Authorization": f"Bearer {world.settings.service_key}", "Content-Type": "application/json"}

    answer = world.client.post(f"/internal/connections/{kiwi}/token", data=body, headers=headers)

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")


def test_there_is_no_token_for_a_connection_that_is_none(world: World) -> None:
    assert world.token("none").status_code == 404


# -- one refresh at a time


class Unleased(Tokens):
    """Control: everybody takes the set, whoever holds it."""

    def _hold(self, tokens: Document) -> Document | None:
        refreshing = {"fingerprint": tokens["fingerprint"], "holder": str(id(tokens)), "since": None}
        refreshing["until"] = self._clock.now()
        self._db.token_sets.update_one({"_id": tokens["_id"]}, {"$set": {"refreshing": refreshing}})
        return {**tokens, "refreshing": refreshing}


class Lingering(XeroIdentity):
    """Xero takes its time: until a second caller has come too, or else ``patience``."""

    def __init__(self, world: World, patience: float) -> None:
        super().__init__(world.settings.xero)
        self._patience = patience
        self._callers = threading.Semaphore(0)
        self._first = threading.Lock()

    def refresh(self, refresh_token: str) -> Grant:
        if self._first.acquire(blocking=False):
            self._callers.acquire(timeout=self._patience)
        else:
            self._callers.release()
        return super().refresh(refresh_token)


def ask_at_once(world: World, connection_id: str, kind: type[Tokens] = Tokens, patience: float = 1) -> list[Given]:
    """Fifty threads over four replicas, each with a client of its own."""
    together, xero = threading.Barrier(50), Lingering(world, patience)

    def ask(tokens: Tokens) -> Given:
        together.wait()
        return tokens.give(connection_id)

    with ExitStack() as exits:
        replicas = []
        for _ in range(4):
            db = exits.enter_context(mongo.database(world.settings.mongo_uri, world.db.name))
            replicas.append(world.tokens(xero, kind=kind, db=db, pause=really_pause))
        pool = exits.enter_context(ThreadPoolExecutor(50))
        return [each.result() for each in [pool.submit(ask, replicas[n % 4]) for n in range(50)]]


def test_fifty_who_ask_four_replicas_at_once_make_one_call_and_get_one_answer(world: World, kiwi: str) -> None:
    world.advance(OLD)

    answers = ask_at_once(world, kiwi)

    assert len({each.access_token for each in answers}) == 1
    assert works_at_xero(world, answers[0])
    assert world.refreshes() == 2  # the consent's and this one


def test_without_the_lease_the_same_fifty_make_several_calls(world: World, kiwi: str) -> None:
    """Control of the test above."""
    world.advance(OLD)

    ask_at_once(world, kiwi, Unleased, patience=60)

    assert world.refreshes() > 2


# -- dying and failing in between


def kill_a_replica(world: World, when: str, connection_id: str) -> None:
    told = {**os.environ, **environment(world.xero_url, world.settings.mongo_uri), "DATABASE": world.db.name}
    told["VAULT_KEYS"] = ",".join(world.settings.vault_keys)
    command = [sys.executable, "-m", "tests.integration.auth_link.dies", when, connection_id]
    died = subprocess.run(command, env=told, cwd=ROOT, capture_output=True, timeout=60)
    assert died.returncode == -9, died.stderr.decode()
    # A real process took its lease by real time, which the world's must not be behind of, however long that took.
    world.advance(max(SYSTEM_CLOCK.now() - world.clock.now(), timedelta()))


@pytest.fixture
def real_time(world: World, kiwi: str) -> str:
    """The same connection with a token that is old by the clock of a real process."""
    world.db.token_sets.update_one({}, {"$set": {"expires_at": SYSTEM_CLOCK.now()}})
    world.advance(SYSTEM_CLOCK.now() - world.clock.now() + timedelta(seconds=5))
    return kiwi


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_replica_killed_around_xeros_answer_costs_nothing(world: World, real_time: str, when: str) -> None:
    before = world.refreshes()
    kill_a_replica(world, when, real_time)
    assert world.refreshes() == before + (when == "after")
    world.advance(LEASE)

    given = world.parts.tokens.give(real_time)

    assert works_at_xero(world, given)
    assert not losses(world)


def test_while_the_dead_ones_lease_lasts_nobody_else_calls(world: World, real_time: str) -> None:
    kill_a_replica(world, "after", real_time)
    calls = world.refreshes()

    with pytest.raises(NoTokenYetError):
        world.parts.tokens.give(real_time)  # ten seconds of the fake clock go by

    assert world.refreshes() == calls


@pytest.mark.parametrize(("late", "lives"), [(GRACE - timedelta(minutes=1), True), (GRACE, False)])
def test_the_worker_finishes_a_dead_ones_refresh_inside_the_grace_period_and_only_there(
    world: World, real_time: str, late: timedelta, lives: bool
) -> None:
    kill_a_replica(world, "after", real_time)
    world.advance(late)

    world.parts.tokens.attend(lambda: True)

    assert (not losses(world)) is lives
    if lives:
        assert works_at_xero(world, world.parts.tokens.give(real_time))


@pytest.mark.parametrize("kind", ["reset", "malformed", "status"])
def test_an_answer_of_xeros_that_is_lost_is_asked_for_again(world: World, kiwi: str, kind: str) -> None:
    world.advance(OLD)
    world.fault(kind, count=1)

    assert world.token(kiwi).status_code == 200  # the old one still lives four minutes
    world.advance(timedelta(seconds=5))
    given = world.parts.tokens.give(kiwi)

    assert given.expires_at - world.clock.now() > timedelta(minutes=29)
    assert works_at_xero(world, given)


def test_when_xero_is_down_and_the_token_is_dead_the_answer_is_later_not_lost(world: World, kiwi: str) -> None:
    world.advance(timedelta(minutes=31))
    world.fault("status", count=1)

    answer = world.token(kiwi)

    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert not losses(world)
    world.advance(timedelta(seconds=5))
    assert world.token(kiwi).status_code == 200


def test_a_refused_token_is_not_given_again_when_xero_is_down(world: World, kiwi: str) -> None:
    refused = world.token(kiwi).json["fingerprint"]
    world.fault("status", count=1)

    assert world.token(kiwi, refused).status_code == 503


# -- lost


def test_a_grant_that_xero_refuses_for_good_loses_all_its_connections_and_tells_each(world: World) -> None:
    world.get(ADA, world.consent(world.begin(ADA), [world.kiwi, world.bakery]))
    world.simulator.identity.revoke(
        {"token": world_refresh_token(world), "client_id": "our-app", "client_secret": "our-secret"}, None
    )
    world.advance(OLD)
    first, second = (each["_id"] for each in world.db.connections.find())

    answers = [world.token(first), world.token(second)]

    assert [each.status_code for each in answers] == [409, 409]
    assert answers[0].json["type"] == "/api/problems/connection-lost"
    assert {loss.tenant_id for loss in losses(world)} == {world.kiwi, world.bakery}
    shown = world.get(ADA, f"/connections/{first}").json
    assert (shown["state"], shown["lost_reason"]) == ("lost", LOST_BECAUSE)
    kept = world.db.token_sets.find_one() or {}
    assert "access" not in kept
    assert "refresh" not in kept


def world_refresh_token(world: World) -> str:
    (kept,) = world.db.token_sets.find()
    return Vault(world.settings.vault_keys).open(kept["refresh"])


def test_connecting_again_brings_a_lost_connection_back_under_a_higher_authorisation(world: World, kiwi: str) -> None:
    world.fault("token_death", count=1)
    world.advance(OLD)
    assert world.token(kiwi).status_code == 409

    again = world.connect(ADA, [world.kiwi])
    shown = world.get(ADA, f"/connections/{kiwi}").json

    assert again == kiwi
    assert (shown["state"], shown["authorisation"], shown["lost_at"]) == ("connected", 2, None)
    assert world.token(kiwi).json["authorisation"] == 2


class MeetsAnother(XeroIdentity):
    """Before Xero refuses our old token, something happens elsewhere."""

    def __init__(self, app: Any, meanwhile: Callable[[], object], answer: Exception) -> None:
        super().__init__(app)
        self._meanwhile, self._answer = meanwhile, answer

    def refresh(self, refresh_token: str) -> Grant:
        self._meanwhile()
        raise self._answer


def test_a_refusal_of_a_token_that_another_has_replaced_meanwhile_loses_nothing(world: World, kiwi: str) -> None:
    world.advance(OLD)

    def another_refreshes() -> None:
        world.advance(LEASE)  # we were frozen for as long
        world.parts.tokens.give(kiwi)

    frozen = world.tokens(MeetsAnother(world.settings.xero, another_refreshes, GrantRefusedError()))
    given = frozen.give(kiwi)

    assert works_at_xero(world, given)
    assert not losses(world)
    assert world.get(ADA, f"/connections/{kiwi}").json["state"] == "connected"


class DiesAfter(XeroIdentity):
    def refresh(self, refresh_token: str) -> Grant:
        super().refresh(refresh_token)
        raise KeyboardInterrupt


def test_a_refusal_told_to_one_whose_lease_another_has_taken_loses_nothing(world: World, kiwi: str) -> None:
    """The other has its answer from Xero and died before it could store it: the old token is still the set's."""
    world.advance(OLD)

    def another_begins_and_dies() -> None:
        world.advance(LEASE)
        with pytest.raises(KeyboardInterrupt):
            world.tokens(DiesAfter(world.settings.xero)).give(kiwi)

    frozen = world.tokens(MeetsAnother(world.settings.xero, another_begins_and_dies, GrantRefusedError()))
    frozen.give(kiwi)  # the old access token, which lives on for minutes
    world.advance(LEASE)

    assert works_at_xero(world, world.parts.tokens.give(kiwi))
    assert not losses(world)


def test_the_same_refusal_with_nobody_else_about_means_lost(world: World, kiwi: str) -> None:
    """Control of the test above."""
    world.advance(OLD)
    alone = world.tokens(MeetsAnother(world.settings.xero, lambda: None, GrantRefusedError()))

    with pytest.raises(NotConnectedError):
        alone.give(kiwi)

    assert len(losses(world)) == 1


def test_a_connection_made_anew_during_a_refresh_is_answered_with_the_new_consents_token(
    world: World, kiwi: str
) -> None:
    world.advance(OLD)
    slow = world.tokens(
        MeetsAnother(world.settings.xero, lambda: world.connect(ADA, [world.kiwi]), GrantRefusedError())
    )

    given = slow.give(kiwi)

    assert given.authorisation == 2
    assert works_at_xero(world, given)
    assert not losses(world)


# -- alive without use


def test_an_idle_token_set_is_kept_alive_past_the_sixty_days_of_xero(world: World, kiwi: str) -> None:
    for _ in range(100):
        world.advance(timedelta(days=1))
        world.parts.tokens.attend(lambda: True)

    assert world.token(kiwi).status_code == 200
    assert world.refreshes() <= 100 / KEPT_ALIVE_AFTER.days + 2


def test_without_the_worker_the_same_idle_set_is_lost(world: World, kiwi: str) -> None:
    """Control of the test above."""
    world.advance(timedelta(days=100))

    assert world.token(kiwi).status_code == 409


def test_a_worker_that_is_asked_to_stop_begins_no_more_refreshes(world: World, kiwi: str) -> None:
    world.advance(timedelta(days=21))

    assert world.parts.tokens.attend(lambda: False) == 0
    assert world.refreshes() == 1


def test_a_failing_xero_does_not_stop_the_worker(world: World, kiwi: str) -> None:
    world.advance(timedelta(days=21))
    failing = world.tokens(MeetsAnother(world.settings.xero, lambda: None, XeroUnavailableError("down")))

    assert failing.attend(lambda: True) == 1
    world.advance(timedelta(seconds=5))
    assert world.parts.tokens.attend(lambda: True) == 1
    assert not losses(world)


class Silent(XeroIdentity):
    """Xero takes every call and answers none until it is told to; who waits for another's call waits here too."""

    def __init__(self, world: World) -> None:
        super().__init__(world.settings.xero)
        self.asked, self.answers = threading.Semaphore(0), threading.Event()

    def refresh(self, refresh_token: str) -> Grant:
        self.wait(timedelta())
        return super().refresh(refresh_token)

    def wait(self, span: timedelta) -> None:
        self.asked.release()
        self.answers.wait(120)


def test_while_xero_keeps_many_waiting_others_are_answered_at_once(world: World, kiwi: str) -> None:
    """Else a silent Xero would take every thread, and with them the gateway's question who is asking."""
    half, xero = 16, Silent(world)
    tokens = world.tokens(xero, pause=xero.wait)
    world.advance(timedelta(minutes=31))
    with ThreadPoolExecutor(half) as pool:
        waiting = [pool.submit(tokens.give, kiwi) for _ in range(half)]
        try:
            assert all(xero.asked.acquire(timeout=60) for _ in range(half))
            with pytest.raises(NoTokenYetError):
                tokens.give(kiwi)
            assert not any(each.done() for each in waiting)
        finally:
            xero.answers.set()
    assert len({each.result().access_token for each in waiting}) == 1
    assert works_at_xero(world, tokens.give(kiwi))
