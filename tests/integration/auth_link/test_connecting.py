"""Connecting an organisation of Xero: through consent and back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from accounting_link.chassis.callers import Caller
from accounting_link.contracts.cloudevents import Envelope, decode
from accounting_link.contracts.connections import ConnectionEstablished, ConnectionEvent
from accounting_link.contracts.people import PersonActed
from auth_link.settings import LEAST_SCOPES
from auth_link.states import Begun
from auth_link.web import build_app
from auth_link.xero import Grant, Organisation, XeroIdentity
from tests.integration.auth_link.world import ADA, BEN, HEMI, ZOE, World, landed, with_scopes

pytestmark = pytest.mark.mongo

EVE = Caller(account_id="legrand", user_id="eve", name="Eve", roles=ADA.roles)


def events(world: World) -> list[Envelope]:
    rows = world.db.outbox.find().sort([("aggregate", 1), ("seq", 1)])
    return [decode([(name, bytes(value)) for name, value in row["headers"]], bytes(row["value"])) for row in rows]


def reason(world: World, path: str, caller: Caller = ADA) -> str:
    page, query = landed(world.get(caller, path))
    assert page == "/accounting-link/not-connected"
    return query["reason"]


def test_a_consent_makes_a_connection_that_its_account_sees(world: World) -> None:
    connection_id = world.connect(ADA, [world.kiwi])

    shown = world.get(BEN, f"/connections/{connection_id}").json

    assert shown["tenant_id"] == world.kiwi
    assert (shown["tenant_name"], shown["state"]) == ("Kiwi Outfitters Ltd", "connected")
    assert (shown["connected_by"], shown["authorisation"], shown["lost_reason"]) == ("ada", 1, None)
    assert world.get(BEN, "/connections").json == {"items": [shown], "next": None}


def test_the_event_of_a_new_connection_is_in_the_outbox(world: World) -> None:
    connection_id = world.connect(ADA, [world.kiwi])

    told, acted = events(world)

    assert isinstance(acted.event, PersonActed)
    assert (acted.event.act, acted.event.about, acted.event.by_name) == ("connected", connection_id, "Ada")
    assert isinstance(told.event, ConnectionEstablished)
    assert (told.scope.account_id, told.scope.connection_id) == ("legrand", connection_id)
    assert (told.event.tenant_id, told.event.authorisation, told.event.connected_by) == (world.kiwi, 1, "ada")
    assert told.scope.correlation_id


def test_xero_is_asked_for_the_least_scopes_with_a_challenge_and_our_exact_address(world: World) -> None:
    asked = parse_qs(urlsplit(world.begin(ADA)).query)

    assert asked["scope"] == [LEAST_SCOPES]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://crm.example/api/v1/oauth/xero/callback"]
    assert len(asked["state"][0]) == 43  # 32 bytes


def test_several_organisations_of_one_consent_are_connections_that_share_a_token_set(world: World) -> None:
    response = world.get(ADA, world.consent(world.begin(ADA), [world.kiwi, world.bakery]))

    page, query = landed(response)
    held = list(world.db.connections.find())

    assert (page, query["count"]) == ("/accounting-link/connected", "2")
    assert query["connection"] in {each["_id"] for each in held}
    assert {each["tenant_id"] for each in held} == {world.kiwi, world.bakery}
    assert len({each["token_set_id"] for each in held}) == world.db.token_sets.count_documents({}) == 1


def test_connecting_again_keeps_the_id_raises_the_authorisation_and_forgets_the_old_tokens(world: World) -> None:
    first = world.connect(ADA, [world.kiwi])
    old = world.db.token_sets.find_one()
    again = world.connect(ADA, [world.kiwi])

    new = world.db.token_sets.find_one()

    assert again == first
    assert world.get(ADA, f"/connections/{first}").json["authorisation"] == 2
    assert old
    assert new
    assert new["_id"] != old["_id"]
    assert world.db.token_sets.count_documents({}) == 1
    assert [told.event.authorisation for told in events(world) if isinstance(told.event, ConnectionEvent)] == [1, 2]


def test_a_token_set_stays_while_another_of_its_organisations_lives_by_it(world: World) -> None:
    world.get(ADA, world.consent(world.begin(ADA), [world.kiwi, world.bakery]))
    world.connect(ADA, [world.kiwi])

    bakery = world.db.connections.find_one({"tenant_id": world.bakery})

    assert world.db.token_sets.count_documents({}) == 2
    assert bakery
    assert world.token(bakery["_id"]).status_code == 200


def test_an_account_gets_only_what_its_own_consent_granted(world: World) -> None:
    """Kim keeps the books of both; each account's consent is its own event at Xero."""
    world.connect(ADA, [world.kiwi])
    world.connect(ZOE, [world.bakery])

    shown = world.get(ZOE, "/connections").json["items"]

    assert [each["tenant_id"] for each in shown] == [world.bakery]


class Indiscreet(XeroIdentity):
    """Control: asks for all that the person ever granted."""

    def organisations(self, grant: Grant) -> list[Organisation]:
        return super().organisations(replace(grant, auth_event_id=""))


def test_without_the_consents_own_event_the_other_accounts_organisation_would_come_too(world: World) -> None:
    """Control of the test above."""
    world.client = build_app(
        world.settings, world.db, clock=world.clock, identity=Indiscreet(world.settings.xero)
    ).test_client()
    world.connect(ADA, [world.kiwi])
    world.connect(ZOE, [world.bakery])

    assert len(world.get(ZOE, "/connections").json["items"]) == 2


def test_two_accounts_may_connect_the_same_organisation(world: World) -> None:
    ours = world.connect(ADA, [world.kiwi])
    theirs = world.connect(ZOE, [world.kiwi], HEMI)

    assert ours != theirs
    assert world.token(ours).json["fingerprint"] != world.token(theirs).json["fingerprint"]


def test_refusing_consent_leads_to_the_page_that_says_so(world: World) -> None:
    assert reason(world, world.consent(world.begin(ADA), [], decision="deny")) == "denied"


def test_an_answer_after_ten_minutes_is_expired_and_one_just_before_is_not(world: World) -> None:
    late, timely = (world.consent(world.begin(ADA), [world.kiwi]) for _ in range(2))
    # The codes are made anew at the end: Xero's own live for five minutes only.
    world.advance(timedelta(minutes=9, seconds=59))
    assert reason(world, timely) == "expired"  # by Xero, which is asked
    asked = world.refreshes()
    world.advance(timedelta(seconds=1))

    assert reason(world, late) == "expired"
    assert world.refreshes() == asked  # by us, without asking


def test_a_consent_given_nine_minutes_after_it_was_asked_for_is_in_time(world: World) -> None:
    url = world.begin(ADA)
    world.advance(timedelta(minutes=9, seconds=59))

    assert landed(world.get(ADA, world.consent(url, [world.kiwi])))[0] == "/accounting-link/connected"


def test_an_answer_shown_twice_is_replayed(world: World) -> None:
    path = world.consent(world.begin(ADA), [world.kiwi])
    world.get(ADA, path)

    assert reason(world, path) == "replayed"
    assert world.db.connections.count_documents({}) == 1


def test_of_an_answer_shown_eight_times_at_once_one_goes_on_to_xero(world: World) -> None:
    path = world.consent(world.begin(ADA), [world.kiwi])
    together = threading.Barrier(8)

    def show() -> str:
        together.wait()
        return landed(world.get(ADA, path))[0]

    with ThreadPoolExecutor(8) as pool:
        pages = sorted(each.result() for each in [pool.submit(show) for _ in range(8)])

    assert pages == ["/accounting-link/connected"] + ["/accounting-link/not-connected"] * 7
    assert world.refreshes() == 1


@pytest.mark.parametrize("other", [ZOE, EVE])
def test_an_answer_to_anothers_question_is_refused(world: World, other: Caller) -> None:
    path = world.consent(world.begin(ADA), [world.kiwi])

    assert reason(world, path, other) == "other-account"
    assert world.refreshes() == 0
    assert world.db.connections.count_documents({}) == 0


@pytest.mark.parametrize("path", ["/oauth/xero/callback", "/oauth/xero/callback?code=c&state=made-up"])
def test_a_callback_that_nobody_asked_for_goes_nowhere(world: World, path: str) -> None:
    assert reason(world, path) == "replayed"
    assert world.refreshes() == 0


def test_a_consent_without_a_scope_that_is_needed_is_refused_and_stores_nothing(world: World) -> None:
    url = world.begin(ADA).replace("accounting.payments.read", "")

    assert reason(world, world.consent(url, [world.kiwi])) == "missing-scope"
    assert world.db.token_sets.count_documents({}) == 0


def test_fewer_scopes_are_enough_when_settings_ask_for_fewer(world: World) -> None:
    settings = with_scopes(world.settings, "offline_access", "accounting.contacts.read")
    world.client = build_app(settings, world.db, clock=world.clock).test_client()

    assert world.connect(ADA, [world.kiwi])


@pytest.mark.parametrize("path", ["/connect/token", "/connections"])
@pytest.mark.parametrize("kind", ["status", "malformed"])
def test_a_failing_xero_stores_nothing_and_connecting_works_afterwards(world: World, kind: str, path: str) -> None:
    world.fault(kind, path, count=1)

    assert reason(world, world.consent(world.begin(ADA), [world.kiwi])) == "xero-unavailable"
    assert world.db.token_sets.count_documents({}) == world.db.connections.count_documents({}) == 0
    assert world.connect(ADA, [world.kiwi])


def test_a_consent_whose_organisation_is_gone_already_says_so(world: World) -> None:
    path = world.consent(world.begin(ADA), [world.kiwi])
    world.simulator.identity.forget_tenant(world.kiwi)

    assert reason(world, path) == "no-organisation"


class DiesBeforeStoring(XeroIdentity):
    """The process ends when Xero has taken the code and given its tokens."""

    def organisations(self, grant: Grant) -> list[Organisation]:
        raise KeyboardInterrupt


def test_a_death_between_xeros_answer_and_our_storing_leaves_nothing_half_made(world: World) -> None:
    whole = world.client
    world.client = build_app(
        world.settings, world.db, clock=world.clock, identity=DiesBeforeStoring(world.settings.xero)
    ).test_client()
    with pytest.raises(KeyboardInterrupt):
        world.connect(ADA, [world.kiwi])

    assert [world.db[name].count_documents({}) for name in ("connections", "token_sets", "outbox")] == [0, 0, 0]
    world.client = whole
    assert world.connect(ADA, [world.kiwi])


def test_a_code_is_worth_nothing_with_another_verifier(world: World) -> None:
    """PKCE: whoever steals the code in the browser lacks what is sealed in our database."""
    url = world.begin(ADA)
    theirs = Begun(state="s", verifier="v" * 43)
    asked = parse_qs(urlsplit(url).query)["code_challenge"][0]

    path = world.consent(url.replace(asked, theirs.challenge), [world.kiwi])

    assert reason(world, path) == "expired"  # invalid_grant


def test_a_state_is_kept_hashed_with_its_verifier_sealed_and_removed_by_mongod(world: World) -> None:
    state = parse_qs(urlsplit(world.begin(ADA)).query)["state"][0]

    (kept,) = world.db.oauth_states.find()
    ttl = [index for index in world.db.oauth_states.list_indexes() if "expireAfterSeconds" in index]

    assert state not in str(kept)
    assert kept["expires_at"] - world.clock.now() == timedelta(minutes=10)
    assert [list(index["key"]) for index in ttl] == [["expires_at"]]


def test_a_member_cannot_connect(world: World) -> None:
    assert world.post(BEN, "/connections/authorize").status_code == 403
    assert world.get(BEN, "/oauth/xero/callback?state=s&code=c").status_code == 403


IN_A_BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def test_who_comes_back_under_a_role_that_may_not_connect_is_led_to_the_page_that_says_so(world: World) -> None:
    path = world.consent(world.begin(ADA), [world.kiwi])

    page, query = landed(world.get(BEN, path, Accept=IN_A_BROWSER))

    assert (page, query["reason"]) == ("/accounting-link/not-connected", "not-allowed")
    assert world.db.connections.count_documents({}) == 0
    assert landed(world.get(ADA, path))[0] == "/accounting-link/connected"  # the answer was not used up


def verified(world: World, **headers: str) -> TestResponse:
    asked = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/api/v1/oauth/xero/callback?code=c&state=s", **headers}
    return world.client.get("/internal/verify", headers=asked)


def test_who_was_signed_out_at_xero_is_led_to_the_page_that_says_so_and_takes_no_code_along(world: World) -> None:
    answer = verified(world, Accept=IN_A_BROWSER)

    assert landed(answer) == ("/accounting-link/not-connected", {"reason": "signed-out"})
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/json"},
        {},
        {"Accept": IN_A_BROWSER, "X-Forwarded-Uri": "/api/v1/connections"},
        {"Accept": IN_A_BROWSER, "X-Forwarded-Uri": "/api/v1/oauth/xero/callback/more"},
    ],
)
def test_control_whoever_else_is_not_signed_in_is_refused(world: World, headers: dict[str, str]) -> None:
    assert verified(world, **headers).status_code == 401
