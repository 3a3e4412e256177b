"""The check as a person would run it, on a simulator over real HTTP; the person is a thread that presses Allow."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from deploy.xero_check.__main__ import look
from deploy.xero_check.assumptions import Verdict, judged
from deploy.xero_check.settings import Settings
from deploy.xero_check.tour import Seen
from tests.ports import free_port
from xero_simulator.simulator import Simulator
from xero_simulator.web import SystemClock, app_of

KIM = "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001"


class _OneDate(WSGIRequestHandler):
    """Lets the simulator's own Date stand alone, and writes no log."""

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)

    def log(self, *_: Any) -> None:
        pass


@dataclass
class Served:
    """A simulator, its address, and what the check is told to find it."""

    simulator: Simulator
    url: str
    env: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)  # to what the browser sends

    @property
    def tenant(self) -> str:
        return next(iter(self.simulator.organisations))

    def press_allow(self, authorize_url: str) -> None:
        """As a person in a browser; what comes back goes to the listener."""
        asked = dict(parse_qsl(urlsplit(authorize_url).query))
        form = {**asked, "person": KIM, "organisation": self.tenant, "decision": "allow", **self.changes}
        requests.post(authorize_url.partition("?")[0], data=form, timeout=60)

    def browser(self, authorize_url: str) -> None:
        threading.Thread(target=self.press_allow, args=(authorize_url,)).start()

    def seen(self) -> Seen:
        return look(Settings.from_env(self.env), show=self.browser)

    def verdicts(self) -> dict[str, Verdict]:
        return judged(self.seen())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    simulator = Simulator(SystemClock(), pause=threading.Event().wait)
    simulator.add_organisation(name="Kiwi Outfitters Ltd", seed=7, contacts=80, invoices=300)
    server = make_server("127.0.0.1", 0, app_of(simulator), threaded=True, request_handler=_OneDate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    yield Served(simulator, url, environment(url, tmp_path_factory.mktemp("check") / "kept"))
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def served(world: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Without rules, and with usual settings but for the minute's limit, which would cost minutes."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    world.simulator.faults.remove(None)
    world.simulator.behave({"minute": 10_000, "day": 1_000_000, "page_cap": 1000, "answer_304": True, "concurrent": 1})
    world.changes.clear()
    # Of ten calls at once some overlap, however busy this machine is; the first three of these calls are alone.
    world.simulator.add_fault({"kind": "latency", "path": "^/Organisation", "seconds": 0.3, "after": 3})
    return world


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        "XERO_CLIENT_ID": "accounting-link-development",
        "XERO_CLIENT_SECRET": "development-secret",
        "XERO_AUTHORIZE_URL": f"{url}/identity/connect/authorize",
        "XERO_TOKEN_URL": f"{url}/connect/token",
        "XERO_REVOKE_URL": f"{url}/connect/revocation",
        "XERO_CONNECTIONS_URL": f"{url}/connections",
        "XERO_API_URL": f"{url}/api.xro/2.0",
        "XERO_DEEP_LINK_URL": f"{url}/organisationlogin/default.aspx",
        "XERO_CHECK_PORT": str(free_port()),
        "XERO_CHECK_FOLDER": str(folder),
        "WRITE": "1",
        "BURST": "1",
    }
