"""Whatever Xero does: the sync ends, everything readable is read, and what was not is told with the reason."""

import pytest

from accounting_link.contracts.dead_letters import DeadLettered
from accounting_link.contracts.records import RecordUnreadable
from accounting_link.contracts.requests import SyncSettings
from accounting_link.contracts.sync_life import FetchFailed, StreamEnded
from accounting_link.contracts.topics import DEAD_LETTERS
from accounting_link.contracts.words import Stream
from tests.suites.xero_faults import FAULTS, Fault
from tests.unit.xero_adapter.world import World
from xero_adapter.xero import pieces, reading
from xero_adapter.xero.client import Answer
from xero_adapter.xero.refusals import Unavailable

# A storm that never ends is ended by the orchestrator, and slowness that is none by nobody.
ENDLESS = [fault for fault in FAULTS if fault.told]


@pytest.fixture
def world() -> World:
    return World(contacts=120)


def ended(world: World) -> set[Stream]:
    return {one.stream for one in world.life(StreamEnded)}


@pytest.mark.parametrize("after", [0, 3], ids=["at the first call", "on the way"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_passes_leaves_nothing_out(world: World, fault: Fault, after: int) -> None:
    for path in ("^/Invoices$", "^/Contacts$"):
        world.simulator.add_fault({**fault.rule, "path": path, "count": fault.passing, "after": after})
    world.request()
    world.run()

    assert world.ids() == world.held()
    assert world.life(FetchFailed) == []
    assert ended(world) == set(Stream)
    assert world.lag() == 0


@pytest.mark.parametrize("fault", ENDLESS, ids=str)
def test_control_what_never_passes_fails_its_stream_with_the_reason_and_the_others_are_whole(
    world: World, fault: Fault
) -> None:
    world.simulator.add_fault({**fault.rule, "path": "^/Invoices$", "after": 2})
    world.request()
    world.run()

    [failed] = world.life(FetchFailed)
    assert (failed.stream, ended(world)) == (Stream.INVOICES, set(Stream) - {Stream.INVOICES})
    assert fault.told in failed.reason
    assert failed.reason.endswith("10 times in a row")
    invoices = set(world.simulator.organisations[world.tenant].invoices.records)
    assert world.held() - invoices <= world.ids()
    assert world.ids() & invoices  # what was read before it began
    assert world.lag() == 0


@pytest.mark.parametrize(
    ("detail", "calls", "renewed"), [("AuthorizationUnsuccessful", 1, 0), ("TokenExpired: at noon", 10, 3)]
)
def test_a_right_that_was_not_granted_fails_its_stream_at_once_and_costs_no_new_token(
    world: World, detail: str, calls: int, renewed: int
) -> None:
    """The control is a token that Xero calls expired, the new one too: it is renewed once a minute, not at each try."""
    body = f'{{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"{detail}"}}'
    world.simulator.add_fault({"kind": "answer", "status": 401, "body": body, "path": "^/Payments$"})
    world.request()
    world.run()

    [failed] = world.life(FetchFailed)
    assert ("the right was not granted" in failed.reason) == (not renewed)
    assert len([call for call in world.calls() if call["path"] == "/Payments"]) == calls
    assert world.auth_link.renewed == renewed
    assert ended(world) == set(Stream) - {Stream.PAYMENTS}


@pytest.mark.parametrize("mode", ["keyset", "by_id"])
@pytest.mark.parametrize("kind", ["repeat", "answer"])
def test_an_answer_to_another_question_never_ends_a_stream_too_soon(world: World, kind: str, mode: str) -> None:
    """Page 1 where page 2 was asked for, or a 304 in the middle, at each of the calls."""
    if mode == "by_id":
        world.simulator.touch_some(world.tenant, "invoice", 400)
    more = {"status": 304} if kind == "answer" else {}
    for after in range(1, 12, 3):
        world.simulator.add_fault({"kind": kind, "path": "^/Invoices$", "after": after, "count": 1, **more})
    world.request()
    world.run()

    assert world.ids() == world.held()


@pytest.mark.parametrize("kind", ["repeat", "answer"])
def test_control_an_adapter_that_believes_such_answers_misses_records(kind: str) -> None:
    world = World(doubt=lambda *_, **__: None)
    world.simulator.touch_some(world.tenant, "invoice", 400)
    more = {"status": 304} if kind == "answer" else {}
    world.simulator.add_fault({"kind": kind, "path": "^/Invoices$", "after": 3, "count": 2, **more})
    world.request()
    world.run()

    assert world.ids() < world.held()


def letters(world: World) -> list[DeadLettered]:
    found = [one.event for one in world.broker.log(DEAD_LETTERS.name())]
    return [one for one in found if isinstance(one, DeadLettered)]


def test_a_page_that_is_no_json_for_one_record_is_read_but_for_that_record(world: World) -> None:
    rule = world.simulator.add_fault({"kind": "poison", "how": "bad_json"})
    world.request()
    world.run()

    bad = rule.more["record"]
    odd = {one.event for one in world.published() if isinstance(one.event, RecordUnreadable)}
    assert {one.xero_id for one in odd} == {bad}
    assert all("malformed" in one.reason for one in odd)
    assert {one.about for one in letters(world)} == {f"invoice/{bad}"}
    assert world.ids() == world.held()
    assert world.life(FetchFailed) == []


def test_control_where_records_cannot_be_told_apart_the_stream_fails_and_no_letter_is_kept(world: World) -> None:
    world.simulator.add_fault({"kind": "malformed", "path": "^/Invoices$"})
    world.request()
    world.run()

    [failed] = world.life(FetchFailed)
    assert "cannot be read" in failed.reason
    assert letters(world) == []


@pytest.mark.parametrize(
    ("body", "records"),
    [
        (b'{"a":1,"Rows":[{"x":1O0},{"y":"]}"}],"p":{"q":[]}}', [b'{"x":1O0}', b'{"y":"]}"}']),
        (b'{"Rows":[{"x":[{}]},{"y":"\\"]"}]}', [b'{"x":[{}]}', b'{"y":"\\"]"}']),
        (b'{"Rows":[]}', []),
        (b'{"Rows":[{"x":1},{"y":', None),
        (b'{"Rows":[{"x":"1},{"y":2}]}', [b'{"x":"1},{"y":2}']),  # see the next test
        (b'{"Others":[{}]}', None),
        (b"<html>", None),
    ],
)
def test_records_are_told_apart_where_brackets_and_texts_close(body: bytes, records: list[bytes] | None) -> None:
    found = pieces.split(body, "Rows")
    assert (found[1] if found else None) == records


def test_two_records_that_look_like_one_are_not_taken_for_one() -> None:
    pagination = b'"pagination":{"page":1,"pageSize":100,"pageCount":1,"itemCount":2}'
    rows = b'[{"InvoiceID":"a,"Total":1},{"InvoiceID":"b","Total":2}]'
    answer = Answer(status=200, headers={}, body=b'{%s,"Invoices":%s}' % (pagination, rows), egress=1)
    with pytest.raises(Unavailable):
        reading.read(Stream.INVOICES, answer, SyncSettings(), apart=True)
