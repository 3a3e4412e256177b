"""One call over a real socket: its deadline holds whatever the other side does, and what is put is put once."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session
from werkzeug.serving import WSGIRequestHandler, make_server

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.testing.builders import JULY
from accounting_link.testing.clock import FakeClock
from tests.unit.xero_adapter.world import ANA, NUMBER
from tests.unit.xero_simulator.conftest import a_browser
from xero_adapter.xero import client, contacts
from xero_adapter.xero.client import Answer, HttpXero
from xero_adapter.xero.reading import Call, read_contacts
from xero_adapter.xero.refusals import Missing, NotGranted, NotValid, Unavailable
from xero_adapter.xero.tokens import HttpAuthLink, Token
from xero_simulator.simulator import Simulator
from xero_simulator.web import app_of

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


@contextmanager
def counting(said: bytes = b"") -> Iterator[tuple[str, list[bytes]]]:
    """Says the same to every call, or hangs up on it. Its address, and what it was sent."""
    listening, sent = socket.create_server(("127.0.0.1", 0)), list[bytes]()

    def answer() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listening.accept()
                with caller:
                    sent.append(caller.recv(65536))
                    caller.sendall(said.replace(b"HERE", b"http://127.0.0.1:%d/there" % listening.getsockname()[1]))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", sent
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


@contextmanager
def simulated(simulator: Simulator) -> Iterator[HttpXero]:
    served = make_server("127.0.0.1", 0, app_of(simulator), threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield HttpXero(f"http://127.0.0.1:{served.server_port}/api.xro/2.0", timedelta(seconds=60), SYSTEM_CLOCK)
    served.shutdown()
    thread.join()
    served.server_close()


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
        HttpAuthLink(url, "key").token("kiwi")


PUT = contacts.create("Fish & Chips", ANA, NUMBER, "key-1")


def puts(xero: HttpXero, token: Token = TOKEN, call: Call = PUT) -> Answer:
    return xero.put(token, call.path, call.body, call.headers)


def gets(xero: HttpXero, call: Call, token: Token = TOKEN) -> Answer:
    return client.check(xero.get(token, call.path, call.query, call.headers))


def an_organisation() -> tuple[Simulator, Token]:
    simulator = Simulator(FakeClock(), check_tokens=False)
    tenant = simulator.add_organisation(name="Kiwi", seed=7, contacts=5, invoices=0)
    return simulator, structs.replace(TOKEN, tenant_id=tenant)


@pytest.mark.parametrize(
    "name", ["Fish & Chips + 100% #1?", "株式会社鈴木商店", 'D\'Arcy "Bo" \\ Daughters', "😀" * 255, "a=b;c,d"]
)
def test_what_is_put_is_created_and_found_again_by_its_number_and_its_name(name: str) -> None:
    simulator, token = an_organisation()
    with simulated(simulator) as xero:
        with pytest.raises(Missing):
            gets(xero, contacts.by_number(NUMBER), token)
        call = contacts.create(name, ANA, NUMBER, "key-1")
        made = contacts.created(client.check(puts(xero, token, call)), NUMBER)
        assert (made.name, made.main_person) == (name, ANA)
        assert contacts.sole(gets(xero, contacts.by_number(NUMBER), token), NUMBER).xero_id == made.xero_id
        assert made.xero_id in {one.xero_id for one in read_contacts(gets(xero, contacts.by_name(name), token))}


def test_the_same_key_is_the_same_contact_and_the_control_another_one_is_refused() -> None:
    simulator, token = an_organisation()
    with simulated(simulator) as xero:
        first = puts(xero, token)
        assert puts(xero, token).body == first.body
        with pytest.raises(NotValid) as refused:
            client.check(puts(xero, token, contacts.create("Fish & Chips", ANA, "another", "key-2")))
    assert "unique" in refused.value.messages[0]


def test_who_may_only_read_is_told_that_the_right_was_not_granted() -> None:
    browser = a_browser(Simulator)
    with simulated(browser.simulator) as xero:
        for scope, may in (("accounting.contacts.read", False), ("accounting.contacts", True)):
            access = browser.connect(scope=f"offline_access {scope}")["access_token"]
            token = structs.replace(TOKEN, access_token=access, tenant_id=browser.tenants[0])
            assert gets(xero, contacts.by_name("nobody"), token).status == 200
            if may:
                assert client.check(puts(xero, token)).status == 200
                continue
            with pytest.raises(NotGranted):
                client.check(puts(xero, token))


def test_what_is_put_is_sent_once_though_nobody_answers() -> None:
    with counting() as (url, sent), pytest.raises(Unavailable):
        puts(HttpXero(url, timedelta(seconds=60), SYSTEM_CLOCK))
    assert [one.split(b" ")[0] for one in sent] == [b"PUT"]


class Persistent(HttpXero):
    """The control: what carries the calls tries again by itself."""

    def _session(self, token: Token) -> OAuth2Session:
        session = super()._session(token)
        session.mount("http://", HTTPAdapter(max_retries=2))
        return session


def test_control_a_session_that_tries_again_sends_it_three_times() -> None:
    with counting() as (url, sent), pytest.raises(Unavailable):
        puts(Persistent(url, timedelta(seconds=60), SYSTEM_CLOCK))
    assert len(sent) == 3


def test_what_is_put_is_not_sent_on_to_where_an_answer_points() -> None:
    """The control is a call that reads, which is."""
    moved = b"HTTP/1.1 307 Moved\r\nLocation: HERE\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with counting(moved) as (url, sent):
        xero = HttpXero(url, timedelta(seconds=60), SYSTEM_CLOCK)
        assert (puts(xero).status, len(sent)) == (307, 1)
        with pytest.raises(Unavailable):
            xero.get(TOKEN, "Contacts", {}, {})
        assert len(sent) > 2


def test_an_answer_to_a_put_that_trickles_is_given_up_at_the_deadline_too() -> None:
    bytes_, clock = [b"x"] * 200, FakeClock()
    trickle = server(OK % len(bytes_), *bytes_, pause=0.002, after_each=lambda: clock.advance(timedelta(seconds=1)))
    with trickle as url, pytest.raises(Unavailable, match="in time"):
        puts(HttpXero(url, timedelta(seconds=60), clock))
