"""What an attacker with a session of their own would send: every route of the document, with texts that other systems
have taken for commands. Nothing breaks, and nobody else's data comes back."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.e2e.people import Operation, World, example, operations
from tests.sessions import bearer

TEXTS = (
    "\0",
    "a\0b",
    "$where",
    '{"$gt": ""}',
    "[$ne]",
    "../../internal/verify",
    "%2e%2e%2f",
    "' || '1'=='1",
    "{{7*7}}",
    "<script>",
    "\u202e",
    "9" * 400,
    "(" * 200 + "a" * 200 + ")+" * 200,  # a pattern that would take for ever, were it one
)
NOTHING_TO_SAY = {"GET /api/v1/me", "POST /api/v1/connections/authorize"}
VALUES: tuple[Any, ...] = ({"$gt": ""}, {"$ne": None}, ["a"], None, -1, 10**40, 1e308, True, "\ud800", "\0")
KEYS: tuple[Any, ...] = (
    [{"$gt": ""}, {"$gt": ""}],
    [None, None],
    [1, 2],
    ["", {"$ne": 1}],
    ["2026-01-01", "x"],
    ["9999-12-31T23:59:59+00:00", "x"],
    ["0001-01-01T00:00:00+14:00", "x"],
    ["\0", "\0"],
    [],
    ["x"] * 50,
)


def cursors() -> Iterator[str]:
    for key in (json.dumps(key) for key in KEYS):
        yield base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")
    yield base64.urlsafe_b64encode(b"[" * 3000).decode()


def queries(operation: Operation) -> list[str]:
    return [one["name"] for one in operation.node.get("parameters", ()) if one.get("in") == "query"]


def requests_of(operation: Operation, world: World) -> Iterator[dict[str, Any]]:
    """Each with one odd value, the rest as it should be. Of their own records: what is attacked is the reading."""
    theirs = world.theirs.ids
    path = operation.path.format_map({**theirs, "connection_id": "none"}) if operation.method != "get" else None
    path = path or operation.path.format_map(theirs)
    for name in queries(operation):
        for text in cursors() if name == "cursor" else TEXTS:
            yield {"url": path, "params": {name: text}}
        yield {"url": path, "params": {f"{name}[$ne]": "x", name: ["a", "b"]}}
    for name in re.findall(r"{(\w+)}", operation.path):
        for text in TEXTS:
            odd = requests.utils.quote(text, safe="")  # type: ignore[attr-defined]
            yield {"url": operation.path.format_map({**theirs, name: odd})}
    if "requestBody" in operation.node:
        whole = example(operation.node["requestBody"], {**theirs, "connection_id": "none"})
        for name in whole:
            yield from ({"url": path, "data": json.dumps({**whole, name: value})} for value in VALUES)
        yield {"url": path, "data": "[" * 200_000}
        yield {"url": path, "data": '{"a":' * 100_000}
        yield {"url": path, "data": b"\xff\xfe"}
        yield {"url": path, "data": json.dumps([whole])}


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_nothing_that_is_sent_breaks_a_route_or_opens_anothers_data(world: World, operation: Operation) -> None:
    # Who reads asks of their own, or most would end at "there is none"; who writes leaves others' worlds alone.
    attacker = "rimu:admin" if operation.method == "get" else "kauri:admin"
    headers = {**bearer(world.session(attacker)), "Content-Type": "application/json"}
    sent = 0
    with requests.Session() as session:
        session.trust_env = False
        for asked in requests_of(operation, world):
            url = world.platform.public_url + asked.pop("url")
            answer = session.request(
                operation.method, url, headers=headers, timeout=30, stream=True, allow_redirects=False, **asked
            )
            read = next(answer.iter_content(1 << 20), b"").decode("utf-8", "replace")
            answer.close()
            assert answer.status_code < 500, f"{answer.status_code} for {str(asked)[:200]}: {read[:300]}"
            assert not [told for told in world.ours.told() if told in read], str(asked)[:200]
            sent += 1
    assert sent or str(operation) in NOTHING_TO_SAY


@pytest.mark.parametrize("operation", [one for one in operations() if one.method == "get"], ids=str)
def test_headers_as_large_as_the_gateway_lets_through_are_no_trouble_to_any_service(
    world: World, operation: Operation
) -> None:
    """A CRM's page carries cookies of its own along; gunicorn by itself stops at 8,190 bytes a header, and at 100."""
    session = world.session("rata:admin")
    large = {"Cookie": f"other={'a' * 9000}; session={session}", **{f"X-Of-A-Proxy-{n}": "x" for n in range(150)}}
    assert world.call(operation, large).status_code in operation.good
