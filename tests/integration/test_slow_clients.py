"""Clients that send a byte now and then: cut off when their time is up, and in nobody's way until then."""

import re
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.local import parts
from tests.integration.test_gateway import Gateway, Stub

HEADERS, WHOLE = 1.0, 2.0  # seconds; who is served meanwhile must not be as slow
PATIENCE = 60.0  # seconds
CLIENTS = 40  # of each kind; a service has 32 threads
PACE = 0.05  # seconds between two bytes
START = b"%s /slow HTTP/1.1\r\nHost: %s\r\nCookie: session=good\r\n"
TIMEOUTS, IDLE, BUFFERS = r"timeouts \{.*?\n\t\t\}", r"read_body_idle [^\n]*", r"request_buffers [^\n]*"
KINDS = {"headers": (b"GET", b"X-Slow: "), "body": (b"POST", b"Content-Length: 1000\r\n\r\n")}


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as stub:
        yield stub
        stub.shutdown()


def gateway_of(stub: Stub, folder: Path, without: str = "") -> Gateway:
    """``without``: a pattern of what is taken out of the Caddyfile."""
    text = parts.CADDYFILE.read_text()
    left, taken = re.subn(without, "", text, count=1, flags=re.DOTALL) if without else (text, 1)
    assert taken
    (folder / "Caddyfile").write_text(left)
    gateway = Gateway(stub, folder, folder / "Caddyfile")
    gateway.runner.override("gateway", GATEWAY_READ_HEADER=f"{HEADERS}s", GATEWAY_READ_BODY=f"{WHOLE}s")
    return gateway


def cut_off(gateway: Gateway, stay: Set[str] = frozenset(), at_least: float = 0) -> Mapping[str, list[float]]:
    """After how many seconds each slow client was cut off, by its kind; somebody else is served all the while. Ends
    when all are cut off but those that are to ``stay``, which have had ``at_least`` so many seconds."""
    found = defaultdict(list)
    with ExitStack() as exits:
        began = time.monotonic()
        clients = [(kind, exits.enter_context(slow_one(gateway, kind))) for kind in KINDS for _ in range(CLIENTS)]
        until = time.monotonic() + at_least
        while time.monotonic() < until or (
            {kind for kind, _ in clients} - stay and time.monotonic() < began + PATIENCE
        ):
            for kind, wire in list(clients):
                if is_cut_off(wire):
                    found[kind].append(time.monotonic() - began)
                    clients.remove((kind, wire))
            assert gateway.get("/").status_code == 200
            time.sleep(PACE)
    return found


def slow_one(gateway: Gateway, kind: str) -> socket.socket:
    """Has sent how its request begins."""
    address = gateway.url.removeprefix("http://")
    host, _, port = address.partition(":")
    wire = socket.create_connection((host, int(port)), timeout=10)
    method, more = KINDS[kind]
    wire.sendall(START % (method, address.encode()) + more)
    wire.setblocking(False)
    return wire


def is_cut_off(wire: socket.socket) -> bool:
    """Sends one byte more, if it can."""
    try:
        wire.send(b"x")
        while wire.recv(65_536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


def test_who_sends_slowly_is_cut_off_in_time_and_nobody_else_is_kept_waiting(stub: Stub, tmp_path: Path) -> None:
    with (gateway := gateway_of(stub, tmp_path)).runner:
        found = cut_off(gateway)

    assert {kind: len(times) for kind, times in found.items()} == {"headers": CLIENTS, "body": CLIENTS}
    assert min(found["headers"]) >= HEADERS
    assert min(found["body"]) >= WHOLE


@pytest.mark.parametrize(("without", "left"), [(TIMEOUTS, set(KINDS)), (IDLE, {"body"})], ids=["all", "of bodies"])
def test_control_without_the_timeouts_they_stay(stub: Stub, tmp_path: Path, without: str, left: set[str]) -> None:
    with (gateway := gateway_of(stub, tmp_path, without)).runner:
        found = cut_off(gateway, left, at_least=WHOLE + 0.5)

    assert set(KINDS) - set(found) == left


def is_at_the_service(gateway: Gateway, stub: Stub, patience: float = 0) -> bool:
    """A request of whose body a byte has come; once the gateway has had the time for many others."""
    until = time.monotonic() + patience
    with slow_one(gateway, "body"):
        for _ in range(20):
            assert gateway.get("/").status_code == 200
        while not (is_there := "/slow" in [path for path, _ in stub.seen]) and time.monotonic() < until:
            time.sleep(PACE)
    return is_there


def test_a_body_that_comes_slowly_is_the_gateways_to_wait_for_and_takes_no_services_thread(
    stub: Stub, tmp_path: Path
) -> None:
    with (gateway := gateway_of(stub, tmp_path)).runner:
        assert not is_at_the_service(gateway, stub)


def test_control_passed_on_as_it_comes_it_would_take_one(stub: Stub, tmp_path: Path) -> None:
    with (gateway := gateway_of(stub, tmp_path, without=BUFFERS)).runner:
        assert is_at_the_service(gateway, stub, PATIENCE)
