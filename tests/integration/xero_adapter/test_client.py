"""One call over a real socket: its deadline holds whatever the other side does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.testing.builders import JULY
from accounting_link.testing.clock import FakeClock
from xero_adapter.xero.client import HttpXero
from xero_adapter.xero.refusals import Unavailable
from xero_adapter.xero.tokens import AuthLink, Token

TOKEN = Token(access_token="token", expires_at=JULY, authorisation=1, tenant_id="t", fingerprint="f")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
DEADLINE = timedelta(seconds=0.4)


@contextmanager
def server(*said: bytes, pause: float = 0, after_each: Callable[[], object] = lambda: None) -> Iterator[str]:
    """Answers one call with these pieces, so many seconds apart. Its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with suppress(OSError):
            caller, _ = listening.accept()
            with caller:
                caller.recv(65536)
                for piece in said:
                    caller.sendall(piece)
                    after_each()
                    gone.wait(pause)

    gone = threading.Event()
    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    gone.set()
    listening.close()
    thread.join()


@pytest.fixture(autouse=True)
def _plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def seconds_of_a_call(url: str, deadline: timedelta) -> float:
    began = time.monotonic()
    with suppress(Unavailable):
        HttpXero(url, deadline, SYSTEM_CLOCK).get(TOKEN, "Invoices", {}, {})
    return time.monotonic() - began


def test_an_answer_that_trickles_is_given_up_at_the_deadline() -> None:
    """The clock moves a second with each byte, so that no pause of this machine's is taken for one between bytes."""
    bytes_, clock = [b"x"] * 200, FakeClock()
    trickle = server(OK % len(bytes_), *bytes_, pause=0.002, after_each=lambda: clock.advance(timedelta(seconds=1)))
    with trickle as url, pytest.raises(Unavailable, match="in time"):
        HttpXero(url, timedelta(seconds=60), clock).get(TOKEN, "Invoices", {}, {})


def test_control_between_two_of_its_bytes_no_timeout_would_end_it() -> None:
    bytes_ = [b"x"] * 20
    with server(OK % len(bytes_), *bytes_, pause=0.1) as url:
        assert seconds_of_a_call(url, timedelta(seconds=60)) > 4 * DEADLINE.total_seconds()


def test_an_answer_that_stops_half_way_is_given_up() -> None:
    with server(OK % 10, b"x", pause=30) as url, pytest.raises(Unavailable):
        HttpXero(url, DEADLINE, SYSTEM_CLOCK).get(TOKEN, "Invoices", {}, {})


@pytest.mark.parametrize("status", [b"404 Not Found", b"409 Conflict", b"200 OK", b"503 Service Unavailable"])
def test_what_a_proxy_says_in_auth_links_place_loses_no_connection(status: bytes) -> None:
    page = b"<html>a proxy speaks</html>"
    answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(page), page)
    with server(answer) as url, pytest.raises(Unavailable):
        AuthLink(url, "key", SYSTEM_CLOCK).get("kiwi")
