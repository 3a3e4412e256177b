"""Rules that make this Xero another: what each does, and that nothing is done without it."""

import gzip
import json
import zlib

import pytest

from tests.unit.xero_simulator.conftest import World
from xero_simulator.faults import RuleError

LIST = "^/Invoices$"


def test_an_answer_of_ones_own_stands_in_the_place_of_xeros_with_its_limits_kept(world: World) -> None:
    world.simulator.add_fault({"kind": "answer", "path": LIST, "status": 503, "body": "<html>", "count": 1})
    answer = world.answer("/Invoices", page=1)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (503, b"<html>", "text/html")
    assert "X-DayLimit-Remaining" in answer.headers
    assert world.answer("/Invoices", page=1).status == 200


def test_a_body_is_rewritten_and_a_header_set_or_taken_away(world: World) -> None:
    world.simulator.add_fault({"kind": "rewrite", "path": LIST, "pattern": '"Type":"ACC(REC|PAY)"', "by": '"Type":"X"'})
    world.simulator.add_fault({"kind": "header", "path": LIST, "name": "Date", "value": "never"})
    world.simulator.add_fault({"kind": "header", "path": LIST, "name": "X-MinLimit-Remaining"})
    answer = world.answer("/Invoices", page=1)
    assert {row["Type"] for row in json.loads(answer.body)["Invoices"]} == {"X"}
    assert answer.headers["Date"] == "never"
    assert "X-MinLimit-Remaining" not in answer.headers
    assert "X-MinLimit-Remaining" in world.answer("/Contacts", page=1).headers


def test_a_parameter_or_a_header_that_is_ignored_is_as_if_it_were_not_sent(world: World) -> None:
    whole = world.get("/Invoices", page=1)["pagination"]["itemCount"]
    bills = 'Type=="ACCPAY"'
    since = "2026-02-28T00:00:00"
    assert world.get("/Invoices", page=1, where=bills)["pagination"]["itemCount"] < whole
    assert world.get("/Invoices", since, page=1)["pagination"]["itemCount"] < whole
    for name in ("where", "If-Modified-Since"):
        world.simulator.add_fault({"kind": "ignore", "path": LIST, "name": name})
    assert world.get("/Invoices", since, page=1, where=bills)["pagination"]["itemCount"] == whole


def test_a_page_is_repeated_whatever_is_asked(world: World) -> None:
    world.simulator.add_fault({"kind": "repeat", "path": LIST, "after": 1, "count": 1})
    first, repeated, third = (world.answer("/Invoices", page=page).body for page in (1, 2, 2))
    assert first == repeated != third


def test_a_gzip_that_is_cut_cannot_be_unpacked_whole(world: World) -> None:
    world.simulator.add_fault({"kind": "cut_gzip", "path": LIST})
    answer = world.answer("/Invoices", page=1)
    assert answer.headers["Content-Encoding"] == "gzip"
    with pytest.raises((EOFError, zlib.error)):
        gzip.decompress(answer.body)


def test_one_record_spoils_the_json_of_its_page_and_no_other(world: World) -> None:
    rule = world.simulator.add_fault({"kind": "poison", "how": "bad_json"})
    bodies = {page: world.answer("/Invoices", page=page, pageSize=50).body for page in range(1, 10)}
    spoilt = [body for body in bodies.values() if not is_json(body)]
    assert len(spoilt) == 1
    assert rule.more["record"].encode() in spoilt[0]


def is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("rule", [{"kind": "header"}, {"kind": "ignore", "name": ""}, {"kind": "rewrite", "with": "x"}])
def test_a_rule_that_says_too_little_or_too_much_is_refused(world: World, rule: dict[str, str]) -> None:
    with pytest.raises(RuleError):
        world.simulator.add_fault(rule)
