"""What passes in memory passes over a real wire too: the adapter's own client, and a Xero that breaks its answers."""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Outgoing
from accounting_link.contracts.exports import ContactExported
from accounting_link.contracts.sync_life import FetchFailed, StreamEnded
from accounting_link.contracts.topics import Lane
from accounting_link.contracts.words import Stream
from tests.suites.xero_faults import FAULTS, Fault
from tests.unit.xero_adapter.world import EXPORT, NUMBER, TwinXero, World
from xero_adapter.planning import cursor as cursors
from xero_adapter.xero import reading
from xero_adapter.xero.client import Answer, HttpXero
from xero_adapter.xero.refusals import Unavailable
from xero_adapter.xero.tokens import Token
from xero_simulator.simulator import Simulator
from xero_simulator.web import app_of

W = TypeVar("W", bound=World)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class OverHttp(TwinXero):
    """The same simulator behind a server of its own."""

    deadline = timedelta(seconds=1)  # what is slow is waited for that long

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._server = make_server("127.0.0.1", 0, app_of(simulator), threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.within(self.deadline)

    def within(self, deadline: timedelta) -> None:
        self._http = HttpXero(f"http://127.0.0.1:{self._server.server_port}/api.xro/2.0", deadline, SYSTEM_CLOCK)

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        return self._http.get(token, path, query, headers)

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._http.put(token, path, body, headers)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Patient(OverHttp):
    deadline = timedelta(seconds=120)


class Slow(World):
    """Its Xero waits until it is released, in real time."""

    def __post_init__(self) -> None:
        self.released, self.waiting = threading.Event(), 0
        super().__post_init__()

    def _wait(self, seconds: float) -> None:
        self.waiting += 1
        self.released.wait(seconds)


def served(
    monkeypatch: pytest.MonkeyPatch, kind: type[W], xero: type[TwinXero] = OverHttp, lane: Lane = Lane.BULK
) -> Iterator[W]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    made = kind(contacts=40, invoices=120, page_size=30, xero=xero, lane=lane)
    yield made
    assert isinstance(made.twin, OverHttp)
    made.twin.close()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from served(monkeypatch, World, Patient)


@pytest.fixture
def creating(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from served(monkeypatch, World, Patient, Lane.INTERACTIVE)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    yield from served(monkeypatch, Slow, Patient)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    yield from served(monkeypatch, Slow)


# Slowness is of the simulated clock there; here it takes time: the last test.
@pytest.mark.parametrize("fault", [one for one in FAULTS if one.rule["kind"] != "latency"], ids=str)
def test_what_passes_leaves_nothing_out_over_a_wire(world: World, fault: Fault) -> None:
    if fault.rule["kind"] == "hang":  # which is waited for; else no pause of this machine's is to be taken for one
        assert isinstance(world.twin, OverHttp)
        world.twin.within(OverHttp.deadline)
    for path in ("^/Invoices$", "^/Contacts$"):
        world.simulator.add_fault({**fault.rule, "path": path, "count": fault.passing, "after": 1})
    world.request()
    world.run()

    assert world.ids() == world.held()
    assert world.life(FetchFailed) == []


def test_control_a_reset_that_never_ends_fails_the_stream(world: World) -> None:
    world.simulator.add_fault({"kind": "reset", "path": "^/Invoices$"})
    world.request()
    world.run()

    [failed] = world.life(FetchFailed)
    assert "does not answer" in failed.reason


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.rule["kind"] not in ("latency", "hang")], ids=str)
def test_a_contact_is_created_once_over_a_wire_too(creating: World, fault: Fault) -> None:
    creating.simulator.add_fault({**fault.rule, "path": "^/Contacts$", "count": 1, "after": 1})
    creating.publisher.confirmed([Outgoing(event=creating.an_export("Fish & Chips"), scope=EXPORT)])
    creating.run()

    [told] = [one.event for one in creating.published()]
    assert isinstance(told, ContactExported)
    numbers = creating.simulator.organisations[creating.tenant].contacts.columns["number"]
    assert [number for number in numbers if number == NUMBER] == [NUMBER]


def test_an_answer_that_takes_longer_than_the_deadline_is_given_up(impatient: Slow) -> None:
    call = reading.call(Stream.CONTACTS, cursors.begin(None))
    impatient.simulator.add_fault({"kind": "latency", "seconds": 20.0})
    began = SYSTEM_CLOCK.monotonic()
    with pytest.raises(Unavailable):
        impatient.twin.get(impatient.auth_link.token("any"), call.path, call.query, call.headers)
    assert SYSTEM_CLOCK.monotonic() - began < 15
    impatient.released.set()


def seconds_until(world: World, true: Callable[[], bool]) -> float:
    """In real time; the adapter's own passes about as fast."""
    began = SYSTEM_CLOCK.monotonic()
    waiting = threading.Event()
    while not true():
        assert SYSTEM_CLOCK.monotonic() - began < 60
        waiting.wait(0.02)
        world.clock.advance(timedelta(seconds=0.02))
    return SYSTEM_CLOCK.monotonic() - began


def test_a_stop_does_not_wait_for_a_slow_xero(slow: Slow) -> None:
    """Real threads, a real wire, and calls under way that are answered only when all is over."""
    slow.simulator.add_fault({"kind": "latency", "seconds": 100.0, "path": "^/Invoices$"})
    slow.request()
    slow.worker.turn()
    slow.pool.start()
    seconds_until(slow, lambda: slow.waiting > 0 and len(slow.life(StreamEnded)) == len(Stream) - 1)
    slow.stop()

    def stopped() -> bool:
        slow.worker.turn()
        return {one.stream for one in slow.life(StreamEnded) if one.stopped} == {Stream.INVOICES}

    assert seconds_until(slow, stopped) < 20
    assert not slow.released.is_set()
    slow.released.set()
    slow.pool.close()
    assert not slow.ids() & set(slow.simulator.organisations[slow.tenant].invoices.records)
