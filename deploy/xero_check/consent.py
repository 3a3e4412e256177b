"""The consent, with auth-link's own code: out to Xero in the browser, back to a listener on this machine alone."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

from auth_link.states import Begun
from auth_link.xero import Grant, GrantRefusedError, Identity, Organisation

_PATIENCE_SECONDS = 600
_BYE = b"Accounting Link has what it needs. You may close this page and look at the terminal."


class NoConsentError(Exception):
    """Nobody allowed anything; the message says what came instead."""


@dataclass(frozen=True, kw_only=True)
class Consented:
    """What was seen of Xero's identity service."""

    grant: Grant
    granted: list[Organisation] = field(default_factory=list)  # by this consent
    renewed: Grant | None = None
    again: Grant | None = None  # for the token that had just been used
    made_up_refused: bool = False


class Listener:
    """Waits on 127.0.0.1 for the browser that comes back from Xero."""

    def __init__(self, port: int) -> None:
        self._came: dict[str, str] = {}
        self._server = HTTPServer(("127.0.0.1", port), self._handler())
        self._server.timeout = 1

    def wait(self) -> dict[str, str]:
        """What the browser brings. Raises NoConsentError."""
        for _ in range(_PATIENCE_SECONDS):
            self._server.handle_request()
            if self._came:
                return self._came
        raise NoConsentError("Nobody came back from Xero within ten minutes")

    def close(self) -> None:
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        came = self._came

        class Callback(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = urlsplit(self.path)
                if found.path == "/callback":
                    came.update(parse_qsl(found.query))
                self.send_response(200 if found.path == "/callback" else 404)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(_BYE if found.path == "/callback" else b"")

            def log_message(self, *_: object) -> None:
                """Says nothing: the address holds the code."""

        return Callback


def ask(identity: Identity, port: int, show: Callable[[str], object]) -> Consented:
    """``show`` leads a person to the address it is given. Raises NoConsentError, and what ``identity`` raises."""
    begun = Begun(state=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(64))
    listener = Listener(port)
    try:
        show(identity.authorize_url(begun.state, begun.challenge))
        came = listener.wait()
    finally:
        listener.close()
    if "code" not in came:
        raise NoConsentError(f"Xero said {came.get('error', 'nothing')}: {came.get('error_description', '')}")
    if came.get("state") != begun.state:
        raise NoConsentError("Somebody else's consent came back (the state is not the one that was sent)")
    return _seen(identity, identity.exchange(came["code"], begun.verifier))


def _seen(identity: Identity, grant: Grant) -> Consented:
    granted = identity.organisations(grant)
    renewed = _refreshed(identity, grant.refresh_token) if grant.refresh_token else None
    return Consented(
        grant=grant,
        granted=granted,
        renewed=renewed,
        again=_refreshed(identity, grant.refresh_token) if renewed else None,
        made_up_refused=_refreshed(identity, secrets.token_urlsafe(32)) is None,
    )


def _refreshed(identity: Identity, refresh_token: str) -> Grant | None:
    """None: invalid_grant."""
    try:
        return identity.refresh(refresh_token)
    except GrantRefusedError:
        return None
