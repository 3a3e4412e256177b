"""``make xero-check``: one line for each assumption of docs/xero-assumptions.md, and the answers in a folder."""

import os
import re
import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import requests

from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.env import SettingsError
from auth_link.settings import permit_plain_http
from auth_link.xero import GrantRefusedError, XeroIdentity, XeroUnavailableError
from deploy.xero_check import assumptions, consent
from deploy.xero_check.assumptions import Verdict
from deploy.xero_check.consent import Consented, NoConsentError
from deploy.xero_check.redact import Redaction, written
from deploy.xero_check.settings import Settings
from deploy.xero_check.tour import Exchange, Seen, Tour
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/xero-assumptions.md"
_ROW = re.compile(r"^\| (X\d\d) \| ([^|]+) \|", re.MULTILINE)


def assumed() -> dict[str, str]:
    """Each assumption's id and sentence, as the document has them."""
    return dict(_ROW.findall(DOCUMENT.read_text()))


def _show(url: str) -> None:
    print(
        f"Allow access to one organisation, best the Demo Company. If no browser opens, go to\n\n  {url}\n", flush=True
    )
    webbrowser.open(url)


def main(env: Mapping[str, str], show: Callable[[str], object] = _show) -> int:
    try:
        settings = Settings.from_env(env)
        permit_plain_http(settings.app, os.environ)
        seen = look(settings, show)
    except (SettingsError, NoConsentError, GrantRefusedError, XeroUnavailableError, requests.RequestException) as error:
        print(f"Not checked: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Not checked: nothing can listen on port {settings.port} ({error})", file=sys.stderr)
        return 1
    keep(settings.folder, seen)
    report = lines(assumptions.judged(seen))
    (settings.folder / "report.txt").write_text(report)
    print(report, end="")
    print(f"The answers, without people's data: {settings.folder}/")
    return 0


def lines(told: Mapping[str, Verdict]) -> str:
    """One line an assumption, and how many of each."""
    words = {key: _word(verdict) for key, verdict in told.items()}
    shown = [f"{key}  {words[key]}\n     {sentence}" for key, sentence in assumed().items() if key in words]
    counts = [sum(word.startswith(start) for word in words.values()) for start in ("as", "differs", "not")]
    summary = "{} as expected, {} differ, {} not seen".format(*counts)
    return "\n".join([*shown, summary, ""])


def _word(verdict: Verdict) -> str:
    return "not seen" if verdict is None else f"differs: {verdict}" if verdict else "as expected"


def look(settings: Settings, show: Callable[[str], object] = _show) -> Seen:
    """Asks for consent, and walks through the first organisation that was granted."""
    consented = consent.ask(XeroIdentity(settings.app), settings.port, show)
    if not consented.granted:
        raise NoConsentError("The consent granted no organisation")
    seen = Seen(consented=consented, scopes=settings.app.scopes)
    tour = Tour(
        api_url=settings.api_url.rstrip("/"),
        token=_token(consented),
        clock=SYSTEM_CLOCK,
        seen=seen,
        tell=_tell,
        pause=time.sleep,
    )
    seen.exchanges["connections"] = _connections(settings, consented)
    tour.read()
    tour.open(settings.deep_link_url)
    if settings.write:
        tour.write()
    if settings.burst:
        tour.burst()
    return seen


def _tell(what: str) -> None:
    print(what, flush=True)


def _token(consented: Consented) -> Token:
    grant = consented.again or consented.renewed or consented.grant
    return Token(
        access_token=grant.access_token,
        expires_at=SYSTEM_CLOCK.now() + timedelta(minutes=30),
        authorisation=1,
        tenant_id=consented.granted[0].tenant_id,
        fingerprint="",
    )


def _connections(settings: Settings, consented: Consented) -> Exchange:
    query = {"authEventId": consented.grant.auth_event_id} if consented.grant.auth_event_id else {}
    headers = {"Authorization": f"Bearer {_token(consented).access_token}", "Accept": "application/json"}
    got = requests.get(settings.app.connections_url, query, headers=headers, timeout=30, allow_redirects=False)
    answer = Answer(status=got.status_code, headers=got.headers, body=got.content, egress=len(got.content))
    return Exchange(name="connections", path="connections", query=query, answer=answer)


def keep(folder: Path, seen: Seen) -> None:
    """A file a call, without people's data."""
    folder.mkdir(parents=True, exist_ok=True)
    redaction = Redaction()
    for number, one in enumerate(seen.exchanges.values(), 1):
        (folder / f"{number:02d}-{one.name}.json").write_text(written(redaction.exchange(one)))


if __name__ == "__main__":
    sys.exit(main(os.environ))
