"""The simulator over real HTTP, in this process, so that what it holds can be looked at beside what it answers."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from werkzeug.serving import make_server

from xero_simulator.identity import SCOPES
from xero_simulator.simulator import Simulator
from xero_simulator.web import SystemClock, app_of

CLIENT = ("accounting-link-development", "development-secret")
KIM = "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1001"


@dataclass
class Served:
    """A simulator and its address."""

    simulator: Simulator
    url: str

    @property
    def tenants(self) -> list[str]:
        return list(self.simulator.organisations)

    def consent(self, scopes: str) -> dict[str, Any]:
        """What the token endpoint answers an app that a person let in to all organisations."""
        back = "http://127.0.0.1:9/callback"
        asked = {"client_id": CLIENT[0], "redirect_uri": back, "response_type": "code", "scope": scopes, "state": "s"}
        form: dict[str, Any] = {**asked, "person": KIM, "organisation": self.tenants, "decision": "allow"}
        sent = requests.post(f"{self.url}/identity/connect/authorize", data=form, allow_redirects=False, timeout=60)
        code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
        answer = requests.post(f"{self.url}/connect/token", data=grant, auth=CLIENT, timeout=60)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture
def served() -> Iterator[Served]:
    simulator = Simulator(SystemClock(), limits=False)
    for number, name in enumerate(("Kiwi Outfitters Ltd", "Harbour Bakery Ltd")):
        simulator.add_organisation(name=name, seed=7 + number, contacts=60, invoices=400)
    server = make_server("127.0.0.1", 0, app_of(simulator), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Served(simulator, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


EVERY_SCOPE = " ".join(sorted(SCOPES))
