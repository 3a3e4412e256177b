"""The real Caddy with the real Caddyfile, before services that tell what reached them."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from deploy.local import parts, services
from deploy.local.run import Supervisor
from deploy.local.state import StateFolder
from tests.ports import free_port

SIGNED = "signed-by-auth-link"
FORGED = {"X-Caller": "forged", "X_Caller": "forged", "X-Account-Id": "forged", "X-User-Name": "forged", "X-Role": "a"}


class Stub(ThreadingHTTPServer):
    """Plays every service at once: answers with the headers that reached it, and knows who carries a session."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.second_event = threading.Event()
        self.seen: list[tuple[str, str]] = []  # path and caller of all that came
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that goes away in mid-request is no news."""


class StubHandler(BaseHTTPRequestHandler):
    server: Stub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note()
        if self.path == "/internal/verify":
            known = "session=good" in self.headers.get("Cookie", "")
            self._answer(204 if known else 401, {}, {"X-Caller": SIGNED} if known else {})
        elif self.path.endswith("/progress"):
            self._events()
        elif self.path == "/long":
            self._answer(200, {"text": "all work and no play " * 500}, {})
        elif self.path == "/own-policy":
            self._answer(200, {}, {"Content-Security-Policy": "default-src 'none'"})
        else:
            self._answer(200, {"path": self.path, "headers": dict(self.headers.items())}, {"Server": "stub"})

    def do_POST(self) -> None:
        self._note()
        read = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self._answer(200, {"bytes": len(read)}, {})

    def _note(self) -> None:
        self.server.seen.append((self.path, self.headers.get("X-Caller", "")))

    def _answer(self, status: int, body: object, headers: dict[str, str]) -> None:
        data = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _events(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: one\n\n")
        self.server.second_event.wait(120)
        self.wfile.write(b"data: two\n\n")

    def log_message(self, *_: object) -> None:
        """Silence: pytest shows what matters."""


class Gateway:
    """Caddy in front of the stub."""

    def __init__(self, stub: Stub, folder: Path, caddyfile: Path = parts.CADDYFILE) -> None:
        port = free_port()
        upstreams = dict.fromkeys(services.NAMES, stub.address)
        context = {**upstreams, "public": f"127.0.0.1:{port}", "gateway_port": str(port)}
        told = {name: text.format_map(context) for name, text in services.GATEWAY.items()}
        self.url = f"http://127.0.0.1:{port}"
        unit = parts.gateway(port, told, folder, caddyfile)
        self.runner = Supervisor(StateFolder(folder), lambda: [unit])

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers={"Cookie": "session=good", **headers}, timeout=10)

    def log(self) -> str:
        return self.runner.log("gateway").read_text()


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with Stub() as stub:
        yield stub
        stub.shutdown()


@pytest.fixture(scope="module")
def gateway(stub: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(stub, tmp_path_factory.mktemp("gateway"))
    with gateway.runner:
        yield gateway


def reached(answer: requests.Response) -> dict[str, str]:
    headers: dict[str, str] = answer.json()["headers"]
    return headers


def test_a_service_sees_the_callers_name_from_auth_link_and_no_forged_one(gateway: Gateway) -> None:
    seen = reached(gateway.get("/api/v1/companies", **FORGED))

    assert seen["X-Caller"] == SIGNED
    assert "forged" not in seen.values()
    assert not {"X_Caller", "X-Account-Id", "X-User-Name", "X-Role"} & set(seen)


def callers_seen(gateway: Gateway, stub: Stub) -> list[str]:
    """Which callers reached the page when somebody said X-Caller in two lines and X_Caller in two more."""
    host, port = gateway.url.removeprefix("http://").split(":")
    twice = b"".join(
        name + b": forged-" + each + b"\r\n" for name in (b"X-Caller", b"X_Caller") for each in (b"1", b"2")
    )
    seen = len(stub.seen)
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\n".encode() + twice + b"Connection: close\r\n\r\n")
        while wire.recv(65536):
            pass
    return [caller for _, caller in stub.seen[seen:]]


def test_a_forged_name_said_twice_arrives_neither_time(gateway: Gateway, stub: Stub) -> None:
    assert callers_seen(gateway, stub) == [""]


def test_the_page_sees_no_forged_name_either(gateway: Gateway) -> None:
    seen = reached(gateway.get("/", **FORGED))

    assert not set(FORGED) & set(seen)


def test_without_the_stripping_a_forged_name_would_arrive(stub: Stub, tmp_path: Path) -> None:
    """The control of the tests above."""
    text = parts.CADDYFILE.read_text()
    open_door = tmp_path / "Caddyfile"
    open_door.write_text(text.replace("import trusted_headers", ""))
    assert open_door.read_text() != text
    gateway = Gateway(stub, tmp_path, open_door)

    with gateway.runner:
        seen = reached(gateway.get("/", **FORGED))
        [twice] = callers_seen(gateway, stub)

    assert seen["X-Account-Id"] == seen["X-Caller"] == "forged"
    assert twice == "forged-1"


@pytest.mark.parametrize(
    "path", ["/api/v1/me", "/api/v1/syncs/1", "/api/v1/contacts", "/api/v1/logs/sync", "/api/v1/oauth/xero/callback"]
)
def test_nobody_reaches_a_service_without_a_session(gateway: Gateway, path: str) -> None:
    assert gateway.get(path, Cookie="").status_code == 401
    assert gateway.get(path).json()["path"] == path


@pytest.mark.parametrize(
    "path", ["/internal/verify", "/internal", "/metrics", "//metrics", "/healthz", "/readyz", "/x/../metrics"]
)
def test_what_is_inside_only_is_not_routed(gateway: Gateway, path: str) -> None:
    request = requests.Request("GET", gateway.url).prepare()
    request.url = gateway.url + path  # as it stands, not tidied by the client

    with requests.Session() as session:
        assert session.send(request, timeout=10).status_code == 404


def test_an_unknown_path_of_the_api_is_a_problem_with_a_reference(gateway: Gateway) -> None:
    answer = gateway.get("/api/v1/unheard-of")

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == 404
    assert problem["type"] == "/api/problems/not-found"
    assert problem["reference"] == answer.headers["X-Request-Id"]
    assert problem["reference"] in gateway.log()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_service_that_is_down_is_a_problem_and_not_a_blank_page(stub: Stub, tmp_path: Path) -> None:
    gateway = Gateway(stub, tmp_path)
    down = {"CRM_WRITER": f"127.0.0.1:{free_port()}", "AUTH_LINK": stub.address}
    gateway.runner.override("gateway", **down)

    with gateway.runner:
        answer = gateway.get("/api/v1/companies")

    assert answer.status_code == 502
    assert answer.json()["detail"] == "A service cannot be reached."


def test_a_down_auth_link_lets_nobody_in_and_no_code_into_the_log(stub: Stub, tmp_path: Path) -> None:
    gateway = Gateway(stub, tmp_path)
    gateway.runner.override("gateway", AUTH_LINK=f"127.0.0.1:{free_port()}")

    with gateway.runner:
        assert gateway.get("/api/v1/oauth/xero/callback?code=secret-code").status_code == 502

    assert "/api/v1/oauth/xero/callback" in gateway.log()
    assert "secret" not in gateway.log()


def test_an_address_that_no_service_takes_is_a_problem_and_no_servers_page(gateway: Gateway) -> None:
    answer = gateway.get("/api/v1/companies?search=" + "x" * 5000)

    assert (answer.status_code, answer.headers["Content-Type"]) == (414, "application/problem+json")
    assert answer.json()["type"] == "/api/problems/too-long"
    assert gateway.get("/api/v1/companies?search=" + "x" * 3000).status_code == 200


def test_another_name_for_the_address_is_refused(gateway: Gateway) -> None:
    answer = gateway.get("/", Host="evil.example")

    assert answer.status_code == 421
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers
    assert answer.headers["X-Request-Id"] == answer.json()["reference"]
    assert answer.headers["X-Request-Id"] in gateway.log()


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "application/json", "*/*"])
def test_who_looks_in_a_browser_under_another_name_reads_which_address_is_right(gateway: Gateway, accept: str) -> None:
    answer = gateway.get("/xero/sync", Host="localhost:1", Accept=accept)
    assert answer.status_code == 421
    assert gateway.url in answer.text
    if "html" not in accept:
        assert answer.json()["type"] == "/api/problems/other-host"
        return
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'<a href="{gateway.url}/">' in answer.text
    assert "does not answer to that name" in answer.text


def test_who_looks_in_a_browser_reads_a_page_where_a_program_reads_a_problem(gateway: Gateway) -> None:
    seen = gateway.get("/api/v1/nowhere", Accept="text/html")
    assert (seen.status_code, seen.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at this address." in seen.text
    assert seen.headers["X-Request-Id"] in seen.text
    assert gateway.get("/api/v1/nowhere", Accept="application/json").json()["status"] == 404


def test_a_request_over_a_megabyte_is_refused(gateway: Gateway) -> None:
    def post(size: int) -> requests.Response:
        cookies = {"session": "good"}
        return requests.post(gateway.url + "/api/v1/syncs", data=b"x" * size, cookies=cookies, timeout=10)

    assert post(1_000_000).json() == {"bytes": 1_000_000}
    assert post(1_000_001).status_code == 413


def test_events_arrive_one_by_one(gateway: Gateway, stub: Stub) -> None:
    stub.second_event.clear()
    headers = {"Cookie": "session=good", "Accept-Encoding": "gzip, zstd"}
    with requests.get(gateway.url + "/api/v1/syncs/1/progress", headers=headers, stream=True, timeout=10) as answer:
        lines = answer.iter_lines(chunk_size=1)

        assert next(lines) == b"data: one"  # while the service still holds the second back
        assert "Content-Encoding" not in answer.headers
        stub.second_event.set()
        assert b"data: two" in list(lines)


@pytest.mark.parametrize("made_up", ["mine", "<script>", "0" * 37])
def test_a_reference_that_is_none_is_replaced(gateway: Gateway, made_up: str) -> None:
    answer = gateway.get("/api/v1/companies", **{"X-Request-Id": made_up})

    assert answer.headers["X-Request-Id"] == reached(answer)["X-Request-Id"] != made_up


def test_a_pages_reference_is_kept_all_the_way(gateway: Gateway) -> None:
    reference = uuid4().hex

    answer = gateway.get("/api/v1/companies", **{"X-Request-Id": reference})

    assert answer.headers["X-Request-Id"] == reached(answer)["X-Request-Id"] == reference
    assert reference in gateway.log()


def test_a_services_own_policy_is_left_alone(gateway: Gateway) -> None:
    headers = gateway.get("/own-policy").headers

    assert headers["Content-Security-Policy"] == "default-src 'none'"
    assert headers["Referrer-Policy"] == "same-origin"


def test_every_answer_carries_the_security_headers_and_hides_the_server(gateway: Gateway) -> None:
    headers = gateway.get("/").headers

    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Server" not in headers


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_what_is_long_is_sent_compressed_to_whom_it_suits(gateway: Gateway, encoding: str) -> None:
    with requests.get(f"{gateway.url}/long", headers={"Accept-Encoding": encoding}, stream=True, timeout=10) as answer:
        assert answer.headers["Content-Encoding"] == encoding
        assert len(answer.raw.read(decode_content=False)) < 2000
    plain = requests.get(f"{gateway.url}/long", headers={"Accept-Encoding": "identity"}, timeout=10)
    assert "Content-Encoding" not in plain.headers
    assert len(plain.content) > 10_000


PAGE, OTHER_PAGE = "https://crm.example", "https://intranet.example"


@pytest.fixture(scope="module")
def open_gateway(stub: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With a list of origins."""
    gateway = Gateway(stub, tmp_path_factory.mktemp("origins"))
    gateway.runner.override("gateway", GATEWAY_ORIGINS=f"{PAGE} {OTHER_PAGE}")
    with gateway.runner:
        yield gateway


def preflight(gateway: Gateway, origin: str, path: str = "/api/v1/syncs") -> requests.Response:
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return requests.options(gateway.url + path, headers=asks, timeout=10)


@pytest.mark.parametrize("origin", [PAGE, OTHER_PAGE])
def test_a_page_on_the_list_may_call_the_apis_but_not_with_a_cookie(open_gateway: Gateway, origin: str) -> None:
    asked = preflight(open_gateway, origin)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    for path in ("/api/v1/companies", "/api/v1/unheard-of"):  # what a service says, and what the gateway says itself
        answer = open_gateway.get(path, Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://crm.example.evil.example", "null", "none", "https://"]
)
def test_a_page_that_is_not_on_the_list_may_not(open_gateway: Gateway, origin: str) -> None:
    told = {*preflight(open_gateway, origin).headers, *open_gateway.get("/api/v1/companies", Origin=origin).headers}
    assert not [name for name in told if name.startswith("Access-Control-")]


def test_our_own_pages_are_never_another_pages_to_read(open_gateway: Gateway) -> None:
    assert "Access-Control-Allow-Origin" not in open_gateway.get("/", Origin=PAGE).headers


@pytest.mark.parametrize("origin", [PAGE, "none", ""])
def test_control_without_a_list_no_page_may(gateway: Gateway, origin: str) -> None:
    assert "Access-Control-Allow-Methods" not in preflight(gateway, origin).headers
    assert "Access-Control-Allow-Origin" not in gateway.get("/api/v1/companies", Origin=origin).headers


SMUGGLED = b"GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\nX-Caller: forged\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"X-Caller : forged\r\n",
        b"X-Caller\t: forged\r\n",
        b"Accept: a\r\n X-Caller: forged\r\n",
        b"X-Caller\x00: forged\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
    ],
    ids=repr,
)
def test_no_second_request_or_name_is_smuggled_in_by_odd_headers(gateway: Gateway, stub: Stub, head: bytes) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    lines = b"POST /api/v1/syncs HTTP/1.1\r\nHost: " + f"{host}:{port}".encode() + b"\r\nCookie: session=good\r\n"
    body = b"0\r\n\r\n" + SMUGGLED
    seen = len(stub.seen)
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(lines + head + b"Connection: close\r\n\r\n" + body)
        while wire.recv(65536):
            pass
    assert [path for path, caller in stub.seen[seen:] if "smuggled" in path or "forged" in caller] == []


def test_the_log_tells_neither_sessions_nor_codes(gateway: Gateway) -> None:
    gateway.get("/api/v1/oauth/xero/callback?code=secret-code", Authorization="Bearer secret-token")
    gateway.get("/api/v1/me?after=1")

    written = gateway.log()
    assert "/api/v1/oauth/xero/callback" in written
    assert "secret" not in written
    assert "session=good" not in written


def test_where_a_request_came_from_is_told_by_the_gateway_and_not_by_who_asks(
    gateway: Gateway, stub: Stub, tmp_path: Path
) -> None:
    """But for addresses that it is told to trust: here everybody's, as the pages' are."""
    said = {"X-Forwarded-For": "203.0.113.7"}
    assert reached(gateway.get("/", **said))["X-Forwarded-For"] == "203.0.113.7"
    suspicious = Gateway(stub, tmp_path)
    suspicious.runner.override("gateway", GATEWAY_TRUSTED="192.0.2.1/32")
    with suspicious.runner:
        assert reached(suspicious.get("/", **said))["X-Forwarded-For"] == "127.0.0.1"
