"""A connection's life through the gateway: disconnected, ended inside Xero, made again."""

from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import requests

from deploy.local.compare import is_sale
from deploy.local.crm import Crm, DemoFailedError
from deploy.local.run import Platform
from tests.e2e.people import until_xero_is_told
from tests.e2e.test_flow import FINAL, kept_back, until
from tests.sessions import entered

HEMI = "5f0c1b52-9d1e-4a51-a0f7-6a3c0f8a1002"  # a login of the simulator's; the first is somebody else's
SEEDS = count(90)  # of one seed there is one organisation


@dataclass
class Life:
    """One organisation of an account of its own."""

    platform: Platform
    crm: Crm
    tenant: str
    connection: str

    @property
    def xero(self) -> str:
        return f"http://{self.platform.address('xero-simulator')}/simulator"

    def state(self) -> str:
        return str(self.crm.get(f"/connections/{self.connection}")["state"])

    def start(self) -> str:
        return str(self.crm.post("/syncs", {"connection_id": self.connection, "kind": "full"})["id"])

    def sync(self, sync_id: str) -> dict[str, Any]:
        return dict(self.crm.get(f"/syncs/{sync_id}"))

    def ends(self, sync_id: str) -> str:
        until(lambda: self.sync(sync_id)["state"] in FINAL)
        return str(self.sync(sync_id)["state"])

    def again(self, person: str = "") -> None:
        """A consent that the revocation of a moment before took back says so, and is given once more."""
        try:
            made = self.crm.connect(self.tenant, person)
        except DemoFailedError:
            made = self.crm.connect(self.tenant, person)
        assert made == self.connection
        until(lambda: self.state() == "connected")

    def ends_inside_xero(self) -> None:
        requests.post(f"{self.xero}/{self.tenant}/disconnect", timeout=60).raise_for_status()

    def counted_at(self) -> str:
        return str(self.crm.get(f"/organisations/{self.connection}")["counted_at"])

    def disconnect(self) -> dict[str, Any]:
        return dict(self.crm.disconnect(self.connection))

    def acts(self) -> list[str]:
        found = self.crm.every("/logs/audit", connection_id=self.connection)
        return [act["act"] for act in found]


def an_organisation(xero: str, name: str, contacts: int, invoices: int) -> str:
    seed = next(SEEDS)
    made = {"name": f"{name} {seed} Ltd", "seed": seed, "contacts": contacts, "invoices": invoices}
    return str(requests.post(f"{xero}/organisations", json=made, timeout=60).json()["tenant"])


@pytest.fixture
def life(platform: Platform) -> Life:
    xero = f"http://{platform.address('xero-simulator')}/simulator"
    tenant = an_organisation(xero, "Totara Joinery", contacts=60, invoices=90)
    crm = entered(platform, "totara:admin")
    connection = crm.connect(tenant)
    until(lambda: crm.knows(f"/settings/{connection}"))
    return Life(platform, crm, tenant, connection)


def test_a_disconnect_ends_the_sync_that_runs_keeps_the_records_and_can_be_taken_back(life: Life) -> None:
    assert life.ends(life.start()) == "completed"
    before = life.crm.get("/transactions/totals", connection_id=life.connection)
    with kept_back(life.platform, life.tenant, "^/Invoices$"):
        running = life.start()
        until(lambda: life.sync(running)["started_at"] is not None)

        assert life.disconnect()["state"] == "disconnected"

        assert life.ends(running) == "cancelled"
    assert life.crm.get("/transactions/totals", connection_id=life.connection) == before
    refused = life.crm._session.post(
        f"{life.crm.url}/api/v1/syncs", json={"connection_id": life.connection}, timeout=30
    )
    assert (refused.status_code, refused.json()["type"]) == (409, "/api/problems/disconnected")

    life.again()
    until(lambda: life.crm._session.get(f"{life.crm.url}/api/v1/settings/{life.connection}", timeout=30).ok)
    until(lambda: _starts(life))
    until(lambda: life.acts()[:3] == ["sync_started", "connected", "disconnected"])


def _starts(life: Life) -> bool:
    """Once the orchestrator has heard of the new connection."""
    answer = life.crm._session.post(f"{life.crm.url}/api/v1/syncs", json={"connection_id": life.connection}, timeout=30)
    return bool(answer.status_code == 202) and life.ends(answer.json()["id"]) == "completed"


def test_a_disconnect_made_inside_xero_is_lost_with_the_first_call_and_goes_on_when_made_again(life: Life) -> None:
    life.ends_inside_xero()

    waiting = life.start()
    until(lambda: life.sync(waiting)["state"] == "parked")
    until(lambda: life.state() == "lost")
    shown = life.crm.get(f"/connections/{life.connection}")
    assert "disconnected inside Xero" in shown["lost_reason"]

    life.again()

    assert life.ends(waiting) == "completed"
    until(lambda: bool(life.crm.get("/logs/health", connection_id=life.connection)["last_call_at"]))
    health = life.crm.get("/logs/health", connection_id=life.connection)
    assert 0 < health["calls_left"] < health["calls_a_day"] == 5000
    until(lambda: bool(life.crm.get("/logs/health", connection_id=life.connection)["last_comparison"]))


@pytest.fixture
def of_several(life: Life) -> Life:
    """Xero's user has another organisation connected, so that a disconnect revokes nothing: Xero goes on knowing the
    tokens of before, and refuses them this one organisation."""
    life.crm.connect(an_organisation(life.xero, "Beside", contacts=1, invoices=0))
    assert life.ends(life.start()) == "completed"
    return life


def test_connected_again_by_another_login_of_xeros_everything_goes_by_what_they_allowed(of_several: Life) -> None:
    life = of_several
    until(lambda: life.crm.knows(f"/organisations/{life.connection}"))
    before = life.counted_at()
    life.disconnect()
    until_xero_is_told(life.platform, life.connection)

    life.again(HEMI)

    until(lambda: life.counted_at() > before)
    until(lambda: _starts(life))
    contact = life.crm.post("/contacts", {"last_name": "Tui", "company_name": f"Tui of {life.connection}"})["id"]
    asked = life.crm.post("/exports", {"connection_id": life.connection, "contact_id": contact})["id"]
    until(lambda: life.crm.get(f"/exports/{asked}")["state"] != "requested")
    assert life.crm.get(f"/exports/{asked}")["state"] == "created"


def test_ended_inside_xero_after_it_was_made_again_it_is_lost_and_says_so(of_several: Life) -> None:
    life = of_several
    life.disconnect()
    until_xero_is_told(life.platform, life.connection)
    life.again()
    until(lambda: _starts(life))

    life.ends_inside_xero()
    waiting = life.start()

    until(lambda: life.sync(waiting)["state"] == "parked")
    until(lambda: life.state() == "lost")
    assert "disconnected inside Xero" in life.crm.get(f"/connections/{life.connection}")["lost_reason"]


def test_before_the_first_sync_the_organisation_is_shown_with_its_counts_and_nothing_is_imported(life: Life) -> None:
    path = f"/organisations/{life.connection}"
    until(lambda: life.crm.knows(path) and life.crm.get(path)["counts"])

    shown = life.crm.get(path)

    assert shown["name"].startswith("Totara Joinery")
    assert (len(shown["country"]), len(shown["base_currency"])) == (2, 3)
    ledger = requests.get(f"{life.xero}/ledger", params={"tenant": life.tenant}, timeout=60).json()
    assert shown["counts"]["contacts"] == ledger["contacts"]["all"] == 60
    assert shown["counts"]["invoices"] == sum(group["count"] for group in ledger["invoices"] if is_sale(group))
    assert life.crm.get("/syncs", connection_id=life.connection)["items"] == []
    assert life.crm.get("/records/counts", connection_id=life.connection)["items"] == []
    page = life.crm.page(f"/xero/sync?connection={life.connection}")
    assert "Is this the right organisation?" in page
