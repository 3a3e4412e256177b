"""Who may ask what of the gateway: every route of the merged document, asked by everybody who may not and then by one
who may, with the ids of records that exist."""

from typing import Any

import pytest
import requests

from accounting_link.chassis import mongo
from accounting_link.chassis.web import WebSettings, allowed, create
from accounting_link.describe.code import WITH_APIS, Code, build_app
from accounting_link.describe.openapi import roles_of, spoken
from accounting_link.describe.settings import example
from deploy.local import parts
from tests.e2e.people import (
    DATABASES,
    OF_CONNECTIONS,
    OF_NO_ACCOUNT,
    PASSING,
    ROLES,
    Operation,
    World,
    bearer,
    impostors,
    named_otherwise,
    operations,
)

each_operation = pytest.mark.parametrize("operation", operations(), ids=str)


def refused(world: World, answer: requests.Response, *statuses: int) -> None:
    """As it should be, and with nothing of ours in it."""
    assert answer.status_code in statuses, f"{answer.status_code}: {answer.text[:300]}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not [told for told in world.ours.told() if told in answer.text]


@each_operation
def test_a_route_answers_whom_it_should_and_nobody_else(world: World, operation: Operation) -> None:
    for who, headers in impostors(world):
        answer = world.call(operation, headers)
        assert answer.status_code == 401, f"{who}: {answer.status_code} {answer.text[:300]}"
        refused(world, answer, 401)
    for role in ROLES.keys() - operation.roles:
        refused(world, world.call(operation, bearer(world.session(ROLES[role]))), 403)
    another_account_gets_nothing_of_ours(world, operation)
    if operation.method != "get":
        cookie = {"Cookie": f"session={world.session('legrand:admin')}"}
        refused(world, world.call(operation, cookie), 403)
        refused(world, world.call(operation, {**cookie, "Origin": "http://evil.example"}), 403)

    for role in sorted(operation.roles):
        answer = world.call(operation, bearer(world.session(ROLES[role])))
        assert answer.status_code in operation.good, f"{role}: {answer.status_code} {answer.text[:300]}"


def another_account_gets_nothing_of_ours(world: World, operation: Operation) -> None:
    """Also when it says in a header that it is another."""
    theirs = bearer(world.session("kauri:admin"))
    for headers in (theirs, *({**theirs, **forged} for _, forged in named_otherwise(world))):
        answer = world.call(operation, headers)
        if "{" in operation.path or "requestBody" in operation.node:
            refused(world, answer, 404)
        else:
            assert answer.status_code in {*operation.good, 404}
            assert not [told for told in world.ours.told() if told in answer.text]


def test_control_the_rightful_person_fails_every_one_of_these_checks(world: World) -> None:
    ours = bearer(world.session("legrand:admin"))
    for operation in operations():
        if operation.method == "get" and "{" in operation.path:
            with pytest.raises(AssertionError):
                refused(world, world.call(operation, ours), 401, 403, 404)


def test_the_cookie_of_our_own_page_is_believed(world: World) -> None:
    cookie = {"Cookie": f"session={world.session('legrand:admin')}", "Origin": world.platform.public_url}
    start = next(operation for operation in operations() if str(operation) == "POST /api/v1/syncs")

    assert world.call(start, cookie).status_code == 202


def test_every_collection_that_holds_accounts_holds_both(world: World) -> None:
    for name in DATABASES:
        with mongo.database(world.platform.mongo_uri, name) as db:
            for collection in set(db.list_collection_names()) - OF_NO_ACCOUNT - OF_CONNECTIONS.get(name, PASSING):
                accounts = set(db[collection].distinct("account_id"))
                assert {"legrand", "kauri"} <= accounts, f"{name}.{collection} holds {accounts}"


def rules(app: Any) -> set[tuple[str, str]]:
    return {(spoken(rule), method.lower()) for rule, method, _ in roles_of(app)}


DOCUMENTED = {(operation.path, operation.method) for operation in operations()}


@pytest.mark.parametrize("service", WITH_APIS)
def test_every_route_of_a_service_is_in_the_document(service: str) -> None:
    web = Code().module(service, "web")
    assert web is not None
    found = rules(build_app(web, example()))

    assert found
    assert found - DOCUMENTED == set()


def test_control_a_route_that_no_document_describes_is_found() -> None:
    app = create("routes", WebSettings(caller_key="k" * 32, log_level="INFO"), [], ready={})

    @app.get("/api/v1/secret/<string:secret_id>")
    @allowed("admin")
    def secret(secret_id: str) -> str:
        return secret_id

    assert rules(app) - DOCUMENTED == {("/api/v1/secret/{secret_id}", "get")}


def test_every_path_that_the_gateway_routes_to_a_service_belongs_to_the_document() -> None:
    routed = {
        word.removesuffix("/*")
        for line in parts.CADDYFILE.read_text().splitlines()
        if line.strip().startswith("@") and " path " in line
        for word in line.split()
        if word.startswith("/api/v1/") and "progress" not in word
    }

    assert routed
    assert {path for path in routed if not any(known.startswith(path) for known, _ in DOCUMENTED)} <= {
        "/api/v1/notices"
    }
