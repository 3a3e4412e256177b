"""curl, which knows nothing of Xero, plays an app's whole life: each step is a command that Xero's pages show."""

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.xero_simulator.conftest import CLIENT, KIM, Served

BACK = "http://127.0.0.1:9/callback"
SCOPES = "openid offline_access accounting.contacts accounting.invoices.read accounting.settings.read"


@dataclass
class Said:
    """What curl was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Curl:
    url: str
    program: str
    folder: Path
    headers: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, path: str, **headers: str) -> Said:
        """One command; ``headers`` besides those that every call carries."""
        body, head = self.folder / "body", self.folder / "head"
        body.unlink(missing_ok=True)
        given = [*self.headers, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
        named = [part for header in given for part in ("--header", header)]
        files = ("--output", str(body), "--dump-header", str(head))
        command = [self.program, "--silent", "--show-error", "--max-time", "60", *files, *named, *arguments]
        subprocess.run([*command, self.url + path], check=True, timeout=90)
        first, *rest = head.read_text().strip().splitlines()
        told = dict(line.split(": ", 1) for line in rest)
        return Said(int(first.split()[1]), told, body.read_bytes() if body.exists() else b"")

    def token(self, **form: str) -> dict[str, Any]:
        """By basic authentication, as Xero's guide to the code flow has it."""
        fields = [part for name, value in form.items() for part in ("--data-urlencode", f"{name}={value}")]
        said = self("--user", ":".join(CLIENT), *fields, path="/connect/token")
        assert said.status == 200, said.body
        return dict(said.json)


@pytest.fixture
def curl(served: Served, tmp_path: Path) -> Curl:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("NO CURL: the test that plays an app with it is skipped. Debian: apt-get install curl")
    return Curl(served.url, program, tmp_path)


def consented(curl: Curl, served: Served) -> dict[str, Any]:
    """The person's form, the code in the redirect, the token; from here on every call carries it."""
    form = {"client_id": CLIENT[0], "redirect_uri": BACK, "response_type": "code", "scope": SCOPES, "state": "s-1"}
    form |= {"person": KIM, "decision": "allow"}
    fields = [part for name, value in form.items() for part in ("--data-urlencode", f"{name}={value}")]
    fields += [part for tenant in served.tenants for part in ("--data-urlencode", f"organisation={tenant}")]
    sent = curl(*fields, path="/identity/connect/authorize")
    told = parse_qs(urlsplit(sent.headers["Location"]).query)
    assert (sent.status, told["state"]) == (302, ["s-1"])
    token = curl.token(grant_type="authorization_code", code=told["code"][0], redirect_uri=BACK)
    curl.headers = [f"Authorization: Bearer {token['access_token']}", "Accept: application/json"]
    return token


def test_curl_plays_an_apps_whole_life(curl: Curl, served: Served) -> None:
    token = consented(curl, served)
    rows = curl(path="/connections").json
    assert {row["tenantId"] for row in rows} == set(served.tenants)
    tenant = rows[0]["tenantId"]
    org = served.simulator.organisations[tenant]
    curl.headers.append(f"xero-tenant-id: {tenant}")
    api = "/api.xro/2.0"

    # every invoice, page by page
    listed: list[dict[str, Any]] = []
    for number in range(1, 100):
        page = curl(path=f"{api}/Invoices?page={number}&pageSize=150&order=UpdatedDateUTC")
        assert int(page.headers["X-DayLimit-Remaining"]) > 0
        listed += page.json["Invoices"]
        if number >= page.json["pagination"]["pageCount"]:
            break
    assert {row["InvoiceID"] for row in listed} == set(org.invoices.records)
    assert len(listed) == len(org.invoices)

    # one of them, and as PDF
    paid = next(row for row in listed if row["Type"] == "ACCREC" and row["Status"] == "PAID")
    one = f"{api}/Invoices/{paid['InvoiceID']}"
    assert curl(path=one).json["Invoices"][0]["LineItems"] == paid["LineItems"]
    curl.headers.remove("Accept: application/json")
    pdf = curl(path=one, Accept="application/pdf")
    assert (pdf.headers["Content-Type"], pdf.body[:5]) == ("application/pdf", b"%PDF-")
    curl.headers.append("Accept: application/json")

    # nothing newer
    soon = served.simulator.now() + timedelta(seconds=2)
    unchanged = curl(path=f"{api}/Invoices?page=1", If_Modified_Since=soon.strftime("%Y-%m-%dT%H:%M:%S"))
    assert (unchanged.status, unchanged.body) == (304, b"")

    # a contact, and one that is refused
    body = ("--request", "PUT", "--data", json.dumps({"Name": "Made By Curl"}))
    made = curl(*body, path=f"{api}/Contacts", Content_Type="application/json", Idempotency_Key="curl-1")
    assert made.json["Contacts"][0]["ContactID"] in org.contacts.records
    refused = curl(*body, path=f"{api}/Contacts", Content_Type="application/json")
    assert (refused.status, refused.json["Type"]) == (400, "ValidationException")
    assert "must be unique" in refused.json["Elements"][0]["ValidationErrors"][0]["Message"]

    # another token, and the end of one organisation
    curl.headers.pop(0)  # --user is to say who asks for it
    again = curl.token(grant_type="refresh_token", refresh_token=token["refresh_token"])
    curl.headers.append(f"Authorization: Bearer {again['access_token']}")
    assert curl(path=f"{api}/Organisation").json["Organisations"][0]["Name"] == rows[0]["tenantName"]
    assert curl("--request", "DELETE", path=f"/connections/{rows[0]['id']}").status == 204
    gone = curl(path=f"{api}/Organisation")
    assert (gone.status, gone.json["Detail"]) == (403, "AuthenticationUnsuccessful")
    assert [row["tenantId"] for row in curl(path="/connections").json] == [row["tenantId"] for row in rows[1:]]


def test_control_a_code_that_was_used_and_a_wrong_secret_are_refused(curl: Curl, served: Served) -> None:
    consented(curl, served)
    curl.headers = []
    code = next(iter(served.simulator.identity.issued))
    used = ("--data", f"grant_type=authorization_code&code={code}&redirect_uri={BACK}")
    assert curl("--user", ":".join(CLIENT), *used, path="/connect/token").json == {"error": "invalid_grant"}
    assert curl("--user", f"{CLIENT[0]}:wrong", *used, path="/connect/token").json == {"error": "invalid_client"}
