"""What people of an account see, and what those of another do not."""

from collections.abc import Callable
from typing import Any

import pytest

from accounting_link.chassis.callers import NO_MONEY, Caller
from accounting_link.chassis.mongo import Db
from auth_link import connections
from tests.integration.auth_link.world import ADA, BEN, ZOE, World, signed

pytestmark = pytest.mark.mongo

Reader = Callable[[Db, str, str], Any]


def test_me_says_who_i_am(world: World) -> None:
    assert world.get(ADA, "/me").json == {
        "account_id": "legrand",
        "user_id": "ada",
        "name": "Ada",
        "roles": ["admin"],
    }


@pytest.mark.parametrize("path", ["/me", "/connections", "/connections/x", "/oauth/xero/callback"])
@pytest.mark.parametrize("header", [{}, {"X-Caller": "forged"}])
def test_who_went_around_the_gateway_is_nobody(world: World, path: str, header: dict[str, str]) -> None:
    answer = world.client.get(f"/api/v1{path}", headers=header)

    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")


@pytest.mark.parametrize("path", ["/me", "/connections", "/connections/x"])
def test_who_has_no_role_that_we_know_sees_nothing(world: World, path: str) -> None:
    assert world.get(Caller(account_id="legrand", user_id="x", name="", roles=frozenset()), path).status_code == 403


def test_who_may_not_see_money_sees_connections(world: World) -> None:
    viewer = Caller(account_id="legrand", user_id="vic", name="", roles=frozenset({NO_MONEY}))

    assert world.get(viewer, "/connections").status_code == 200


def seen_of_another_account(world: World, read: Reader) -> list[Any]:
    """With the id of a connection that exists, which its own account reads in the same breath."""
    ours = world.connect(ADA, [world.kiwi])
    assert read(world.db, "legrand", ours)
    return [found for found in [read(world.db, "zenith", ours)] if found]


def test_an_account_cannot_read_anothers_connection(world: World) -> None:
    assert not seen_of_another_account(world, connections.one_of_account)


def test_a_reader_that_does_not_ask_for_the_account_is_caught(world: World) -> None:
    """Control of the test above."""
    assert seen_of_another_account(world, lambda db, _, key: db.connections.find_one({"_id": key}))


def test_over_http_anothers_connection_is_none_and_is_not_listed(world: World) -> None:
    ours, theirs = world.connect(ADA, [world.kiwi]), world.connect(ZOE, [world.bakery])

    for caller, own, others in ((BEN, ours, theirs), (ZOE, theirs, ours)):
        assert world.get(caller, f"/connections/{own}").status_code == 200
        assert world.get(caller, f"/connections/{others}").status_code == 404
        assert [each["id"] for each in world.get(caller, "/connections").json["items"]] == [own]


def test_no_answer_holds_more_than_its_document_says(world: World) -> None:
    world.connect(ADA, [world.kiwi])

    shown = world.get(BEN, "/connections").json["items"][0]

    assert shown.keys() == {
        *("id", "tenant_id", "tenant_name", "state", "connected_at", "connected_by", "connected_by_name"),
        *("authorisation", "lost_at", "lost_reason", "disconnected_at", "disconnected_by_name", "last_good_at"),
    }


def test_pages_by_cursor_show_every_connection_once_in_order_of_names(world: World) -> None:
    rows = [
        {"_id": f"c{n}", "account_id": "legrand", "tenant_id": f"t{n}", "tenant_name": f"Branch {n // 2}"}
        | {"state": "connected", "connected_at": world.clock.now(), "connected_by": "ada", "connected_by_name": "Ada"}
        | {"authorisation": 1, "lost_at": None, "lost_reason": None}
        for n in range(7)
    ]
    world.db.connections.insert_many(rows)
    seen, cursor = [], ""
    while cursor is not None:
        page = world.get(ADA, f"/connections?limit=2{cursor and f'&cursor={cursor}'}").json
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]

    assert seen == [row["_id"] for row in rows]


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WzEsIDJd", "eyIkZ3QiOiAiIn0"])
def test_a_cursor_that_no_list_gave_is_refused(world: World, cursor: str) -> None:
    answer = world.get(ADA, f"/connections?cursor={cursor}")

    assert (answer.status_code, answer.json["type"]) == (400, "/api/problems/bad-cursor")


def test_a_limit_out_of_range_is_a_problem_that_names_it(world: World) -> None:
    answer = world.get(ADA, "/connections?limit=1000")

    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert "limit" in str(answer.json["fields"])


@pytest.mark.parametrize("path", ["/connections", "/connections/{id}"])
def test_what_has_not_changed_is_not_sent_again(world: World, path: str) -> None:
    path = path.format(id=world.connect(ADA, [world.kiwi]))
    tag = world.get(ADA, path).headers["ETag"]

    assert world.client.get(f"/api/v1{path}", headers=signed(ADA) | {"If-None-Match": tag}).status_code == 304
    world.connect(ADA, [world.kiwi])
    assert world.client.get(f"/api/v1{path}", headers=signed(ADA) | {"If-None-Match": tag}).status_code == 200


def test_every_view_under_api_v1_says_who_may_call_it(world: World) -> None:
    app = world.client.application
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1")]

    assert len(rules) == 6
    assert not [rule.rule for rule in rules if not getattr(app.view_functions[rule.endpoint], "allowed", None)]


def test_the_document_describes_what_is_under_api_v1_and_nothing_of_the_inside(world: World) -> None:
    document = world.client.application.extensions["openapi"].to_dict()

    assert document["paths"].keys() == {
        "/api/v1/me",
        "/api/v1/connections",
        "/api/v1/connections/{connection_id}",
        "/api/v1/connections/authorize",
        "/api/v1/oauth/xero/callback",
    }
