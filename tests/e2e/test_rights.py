"""Who may ask what of the gateway: every route of the merged document, asked by everybody who may not and then by one
who may, with the ids of records that exist."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from accounting_link.chassis import callers, mongo
from accounting_link.chassis.callers import ADMIN, MEMBER, Caller
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.web import WebSettings, allowed, create
from accounting_link.describe.code import WITH_APIS, Code, build_app
from accounting_link.describe.openapi import roles_of, spoken
from accounting_link.describe.settings import example
from deploy.local import parts
from tests.e2e.people import (
    DATABASES,
    NOTES,
    OF_NO_ACCOUNT,
    ROLES,
    Operation,
    World,
    filled,
    impostors,
    is_about_ours,
    named_otherwise,
    operations,
)
from tests.e2e.test_flow import until
from tests.sessions import bearer, entered

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
        cookie = {"Cookie": f"session={world.session('rata:admin')}"}
        refused(world, world.call(operation, cookie), 403)
        refused(world, world.call(operation, {**cookie, "Origin": "http://evil.example"}), 403)

    for role in sorted(operation.roles):
        answer = world.call(operation, bearer(world.session(ROLES[role])))
        assert answer.status_code in operation.good, f"{role}: {answer.status_code} {answer.text[:300]}"


def another_account_gets_nothing_of_ours(world: World, operation: Operation) -> None:
    """Also when it says in a header that it is another."""
    theirs = bearer(world.session("rimu:admin"))
    for headers in (theirs, *({**theirs, **forged} for _, forged in named_otherwise(world))):
        answer = world.call(operation, headers)
        if is_about_ours(operation, world.ours):
            refused(world, answer, 404)
        else:
            assert answer.status_code in {*operation.good, 404}
            assert not [told for told in world.ours.told() if told in answer.text]


def test_control_the_rightful_person_fails_every_one_of_these_checks(world: World) -> None:
    ours = bearer(world.session("rata:admin"))
    for operation in operations():
        if operation.method == "get" and "{" in operation.path:
            with pytest.raises(AssertionError):
                refused(world, world.call(operation, ours), 401, 403, 404)


@pytest.mark.parametrize(("role", "reason"), [("", "signed-out"), (MEMBER, "not-allowed")])
def test_who_may_not_come_back_from_xero_is_led_to_a_page_that_says_so(world: World, role: str, reason: str) -> None:
    headers = bearer(world.session(ROLES[role])) if role else {}
    callback = next(operation for operation in operations() if "callback" in operation.path)

    answer = world.call(callback, {**headers, "Accept": "text/html"})

    page = f"{world.platform.public_url}/accounting-link/not-connected?reason={reason}"
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    assert world.call(callback, headers).status_code == (403 if role else 401)  # the control: a program is refused


def test_the_cookie_of_our_own_page_is_believed(world: World) -> None:
    cookie = {"Cookie": f"session={world.session('rata:admin')}", "Origin": world.platform.public_url}
    start = next(operation for operation in operations() if str(operation) == "POST /api/v1/syncs")

    assert world.call(start, cookie).status_code == 202


def rules(app: Any) -> set[tuple[str, str]]:
    return {(spoken(rule), method.lower()) for rule, method, _ in roles_of(app)}


def rules_of(service: str) -> set[tuple[str, str]]:
    web = Code().module(service, "web")
    assert web is not None
    return rules(build_app(web, example()))


def lacking(world: World) -> dict[str, set[str]]:
    """Collections in which one of the two accounts has nothing, and who has."""
    found = {}
    for name in DATABASES:
        with mongo.database(world.platform.mongo_uri, name) as db:
            for collection in set(db.list_collection_names()) - OF_NO_ACCOUNT:
                accounts = set(db[collection].distinct("account_id"))
                if f"{name}.{collection}" not in NOTES and not {"rata", "rimu"} <= accounts:
                    found[f"{name}.{collection}"] = accounts
    return found


def test_every_collection_that_holds_accounts_holds_both(world: World) -> None:
    with suppress(AssertionError):  # what the log keeps comes a moment later
        until(lambda: not lacking(world))
    assert lacking(world) == {}


def test_control_a_collection_of_one_account_is_found(world: World) -> None:
    with mongo.database(world.platform.mongo_uri, "crm") as db:
        db.one_sided.insert_one({"account_id": "rata"})
        try:
            assert lacking(world) == {"crm.one_sided": {"rata"}}
        finally:
            db.one_sided.drop()


SERVING = {(path, method): service for service in WITH_APIS for path, method in rules_of(service)}


def around(world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """What somebody inside would send who has no signature of auth-link's: a good session among it."""
    session = world.session("rata:admin")
    who = Caller(account_id="rata", user_id="rata-admin", name="", roles=frozenset({ADMIN, MEMBER}))
    yield "nothing", {}
    yield "a session", bearer(session)
    yield "a session as a cookie", {"Cookie": f"session={session}", "Origin": world.platform.public_url}
    yield "a session as the caller", {"X-Caller": session}
    yield "a name signed with another key", {"X-Caller": callers.sign(who, "k" * 40, SYSTEM_CLOCK)}
    yield "names", {"X-Account-Id": "rata", "X-User-Id": "rata-admin", "X-Role": ADMIN}


@each_operation
def test_a_service_refuses_what_went_around_the_gateway(world: World, operation: Operation) -> None:
    at = f"http://{world.platform.address(SERVING[operation.path, operation.method])}"
    for what, headers in around(world):
        answer = world.call(operation, headers, at)
        assert answer.status_code == 401, f"{what}: {answer.status_code} {answer.text[:300]}"
        refused(world, answer, 401)

    invalid = requests.request(
        operation.method, at + filled(operation, world.ours), params={"limit": "x"}, json={"what": 1}, timeout=30
    )
    refused(world, invalid, 401)  # who it is comes before what it says

    if operation.method == "get":  # the control: with auth-link's signature the same request is answered
        who = Caller(account_id="rata", user_id="legrand-admin", name="", roles=frozenset({ADMIN, MEMBER}))
        signed = callers.sign(who, world.platform.folder.secrets()["CALLER_KEY"], SYSTEM_CLOCK)
        assert world.call(operation, {"X-Caller": signed}, at).status_code in operation.good


def amounts_told(world: World, person: str) -> set[str]:
    """Where a person who asks everything, by the APIs and by the pages, is told the total of a sale."""
    with mongo.database(world.platform.mongo_uri, "crm") as db:
        totals = [sale["xero"]["total"] for sale in db.transactions.find({"account_id": "rata"})]
    written = {text for total in totals if total >= 100 for text in (f"{total:.2f}", f"{total:,.2f}")}
    crm, ids = entered(world.platform, person), world.ours.ids
    paths = [
        *(f"/api/v1{path}" for path in asked_by_reading(world)),
        *(f"/companies/{one['id']}" for one in crm.every("/companies")),
        *("/", "/xero/sync", "/xero/log", f"/xero/log/{ids['sync_id']}?kind=invoice", "/xero/sales"),
        f"/transactions/{ids['transaction_id']}",
    ]
    answers = {path: crm.text(path) for path in paths}
    return {path for path, answer in answers.items() if any(amount in answer for amount in written)}


def asked_by_reading(world: World) -> Iterator[str]:
    """Every route that reads, about our account's records; lists of records by kind and long enough for sales."""
    for operation in operations():
        if operation.method == "get" and "callback" not in operation.path:
            wanted = {one["name"] for one in operation.node.get("parameters", ()) if one.get("in") == "query"}
            query = {name: world.ours.ids[name] for name in wanted & world.ours.ids.keys()}
            query |= {name: value for name, value in (("kind", "invoice"), ("limit", "200")) if name in wanted}
            path = filled(operation, world.ours).removeprefix("/api/v1")
            yield f"{path}?{urlencode(query)}"
    yield from (f"/companies/{one['id']}" for one in world.ours.crm.every("/companies"))


def test_who_sees_no_money_is_told_no_amount_by_any_route_stream_file_or_page(world: World) -> None:
    assert amounts_told(world, "rata:no-money") == set()


def test_control_a_member_is_told_them_by_routes_files_and_pages(world: World) -> None:
    told = amounts_told(world, "rata:member")

    for of in ("/api/v1/logs/sales.csv", "/api/v1/companies/", "/api/v1/logs/sync/", "/companies/", "/xero/log/"):
        assert [path for path in told if path.startswith(of)], of


DOCUMENTED = {(operation.path, operation.method) for operation in operations()}


@pytest.mark.parametrize("service", WITH_APIS)
def test_every_route_of_a_service_is_in_the_document(service: str) -> None:
    found = rules_of(service)

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
    assert {path for path in routed if not any(known.startswith(path) for known, _ in DOCUMENTED)} == set()
