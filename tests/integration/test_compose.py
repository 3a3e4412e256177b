"""What deploy/compose says, run as processes of this machine: by TLS from the sign-in to the first sync.

Its images and networks need a container engine, so they are not seen here. Its commands, environments, probes, order of
starting and keys are, and the gateway with a certificate of Caddy's own CA.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from deploy.local import parts
from deploy.local.crm import Crm
from deploy.local.run import Platform, Supervisor
from deploy.local.state import StateFolder
from tests.compose import SIMULATOR, Local, Project, secrets, variables
from tests.conftest import BROKER
from tests.e2e.test_flow import FINAL, until
from tests.ports import free_port

SMALL = {"SIMULATOR_CONTACTS": "40", "SIMULATOR_INVOICES": "60"}


@dataclass(frozen=True)
class Composed:
    project: Project
    platform: Platform
    local: Local

    @property
    def url(self) -> str:
        """What browsers see."""
        return self.local.said("gateway", self.project.services["gateway"]["environment"]["GATEWAY_ADDRESS"])

    @property
    def inside(self) -> str:
        """What the pages call the APIs by."""
        return self.local.said("crm-frontend", self.project.services["crm-frontend"]["environment"]["GATEWAY_URL"])

    @property
    def plain(self) -> str:
        return self.local.said("gateway", "http://localhost:8080")

    @property
    def ca(self) -> str:
        """As the how-to says to copy it out of the container."""
        return self.local.said("gateway", "/data/caddy/pki/authorities/local/root.crt")

    def get(self, path: str, **more: object) -> requests.Response:
        return asked("GET", self.url + path, **{"verify": self.ca, **more})


def asked(method: str, url: str, **more: object) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=20, allow_redirects=False, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    project = Project({**secrets(), **variables(SIMULATOR.read_text()), **SMALL})
    with Platform(tmp_path_factory.mktemp("composed"), BROKER, services=()) as platform:
        if BROKER == "embedded":
            platform.override("topics", EMBEDDED_BROKER="1")
        local = Local(project, platform)
        local.start()
        made = Composed(project, platform, local)
        until(lambda: is_trusted(made))  # Caddy makes its certificate when it runs already
        yield made


def is_trusted(composed: Composed, **more: object) -> bool:
    try:
        return composed.get("/gateway/alive", **more).status_code == 204
    except (OSError, requests.RequestException):
        return False


def test_a_service_is_reached_by_tls_with_the_gateways_own_ca(composed: Composed) -> None:
    answer = composed.get("/api/v1/me")

    assert composed.url.startswith("https://localhost:")
    assert (answer.status_code, answer.json()["type"]) == (401, "/api/problems/not-signed-in")  # auth-link's word
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_control_who_was_not_given_the_ca_does_not_trust_the_certificate(composed: Composed) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        composed.get("/gateway/alive", verify=True)


def test_plain_http_is_sent_on_to_tls_and_spoken_by_nobody_there(composed: Composed) -> None:
    sent_on = asked("GET", f"{composed.plain}/companies?search=kiwi")
    assert sent_on.status_code == 308
    assert sent_on.headers["Location"] == f"{composed.url}/companies?search=kiwi"
    assert asked("GET", composed.url.replace("https:", "http:")).status_code == 400


def test_another_name_is_refused_by_tls_too(composed: Composed) -> None:
    assert composed.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert asked("GET", composed.inside, headers={"Host": "evil.example"}).status_code == 421


def session_of(url: str, origin: str, **more: object) -> tuple[str, bool]:
    """The reference sign-in's cookie, and whether a browser sends it by TLS only."""
    form = {"person": "legrand:admin"}
    answer = asked("POST", f"{url}/sign-in", data=form, headers={"Origin": origin}, **more)
    (cookie,) = (cookie for cookie in answer.cookies if cookie.name == "session")
    return str(cookie.value), cookie.secure


def test_the_session_of_the_sign_in_is_a_cookie_that_goes_by_tls_only(composed: Composed) -> None:
    session, is_secure = session_of(composed.url, composed.url, verify=composed.ca)

    assert is_secure
    me = composed.get("/api/v1/me", headers={"Cookie": f"session={session}"})
    assert (me.status_code, me.json()["account_id"]) == (200, "legrand")


def test_control_where_people_come_by_plain_http_the_same_cookie_is_not(composed: Composed, tmp_path: Path) -> None:
    url = f"http://{parts.HOST}:{free_port()}"
    unit = composed.local.unit("crm-frontend")
    told = {"PUBLIC_URL": url, "BIND": url.removeprefix("http://"), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    plain = replace(unit, environment={**unit.environment, **told}, ready=lambda: parts.is_ok(f"{url}/readyz"))

    with Supervisor(StateFolder(tmp_path / "state"), lambda: [plain]):
        _, is_secure = session_of(url, url)

    assert not is_secure


def test_a_person_connects_and_syncs_by_tls(composed: Composed) -> None:
    """With every process as the file has it: the token vault, the adapters, the writers, the logs."""
    crm = Crm(composed.url, composed.ca)
    crm.sign_in("legrand:admin")
    connection = crm.connect()
    until(lambda: crm.knows(f"/settings/{connection}"))
    sync = crm.post("/syncs", {"connection_id": connection, "kind": "full"})["id"]

    until(lambda: crm.get(f"/syncs/{sync}")["state"] in FINAL)

    assert crm.get(f"/syncs/{sync}")["state"] == "completed"
    assert crm.get("/companies")["items"]
    assert "Sync" in crm.page("/")  # a page that asked the APIs by the way inside


def test_every_probe_says_that_its_process_is_well(composed: Composed) -> None:
    probed = {name for name in composed.project.ours() if composed.local.probe(name)}

    assert probed == set(composed.project.ours()) - {"topics"}
    with ThreadPoolExecutor(4) as pool:  # as compose does, a probe that was too slow is made again
        list(pool.map(lambda name: until(lambda: composed.local.probes_well(name)), probed))


def test_control_a_probe_says_so_when_its_process_is_not_there(composed: Composed) -> None:
    unit = composed.local.unit("lag-exporter")
    composed.platform.remove("lag-exporter")
    until(lambda: not parts.is_ok(f"http://{unit.address}/readyz"))

    assert not composed.local.probes_well("lag-exporter")
