"""The APIs behind the gateway, as one signed-in person sees them for the length of one page.

Nothing here raises for what an API says or fails to say: a page shows the rest of itself, and a
``Problem`` where the part should stand that did not come.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from accounting_link.chassis import logs

log = logs.logger()

TIMEOUT = (3.0, 15.0)  # seconds: to connect, to answer
_SAID_BY_THE_GATEWAY = ("unavailable", "too-slow")  # it knows no more than that; this page knows who is meant
_PLAIN = re.compile(r"[A-Za-z0-9_~:@./ -]+")
_SERVICES = {
    "connections": "the connection to Xero (auth-link)",
    "me": "the connection to Xero (auth-link)",
    "settings": "settings and syncs (sync-orchestrator)",
    "removals": "settings and syncs (sync-orchestrator)",
    "syncs": "settings and syncs (sync-orchestrator)",
    "companies": "companies, contacts and sales (crm-writer)",
    "contacts": "companies, contacts and sales (crm-writer)",
    "transactions": "companies, contacts and sales (crm-writer)",
    "exports": "companies, contacts and sales (crm-writer)",
    "records": "companies, contacts and sales (crm-writer)",
    "logs": "the logs (log-service)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a person is told when an API did not do what was asked. ``reference`` finds it in every log."""

    what: str
    do: str
    reference: str
    status: int = 0  # 0: no answer at all
    slug: str = "unreachable"
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_signed_out(self) -> bool:
        return self.status == 401

    @property
    def is_missing(self) -> bool:
        return self.status == 404

    @property
    def may_pass(self) -> bool:
        """Whether the same, asked again, may go well: not what is refused for what it is."""
        return self.status in (0, 408, 425, 429) or self.status >= 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Either what was asked for, or the problem."""

    data: Any = None
    problem: Problem | None = None

    @property
    def items(self) -> list[Any]:
        return list(self.data.get("items", ())) if isinstance(self.data, dict) else []

    @property
    def next(self) -> str | None:
        return self.data.get("next") if isinstance(self.data, dict) else None


def pool() -> requests.Session:
    """One for the process. It keeps no cookie: it speaks for everybody in turn."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=32))
    return session


class Api:
    """``session`` is the person's own: the gateway decides who asks, not this page.

    It goes on as a bearer token. A cookie is believed together with the browser's Origin only, for the sake of
    forged forms; whether a form is forged is checked here, before anything is called.
    """

    def __init__(
        self, pool: requests.Session, address: str, session: str | None, reference: str, address_of: str = ""
    ) -> None:
        self._pool, self._address, self._reference = pool, address, reference
        self._headers = {"Accept": "application/json", "X-Request-Id": reference}
        if address_of:
            # Believed from this service alone, and only where the gateway is told to: it is where the person is.
            self._headers["X-Forwarded-For"] = address_of
        if session:
            self._headers["Authorization"] = f"Bearer {session}"

    def get(self, path: str, **query: str | int | None) -> Answer:
        """``path`` below /api/v1. What is None or empty in the query is not sent."""
        return self._call("GET", f"/api/v1{path}", params={name: v for name, v in query.items() if v not in (None, "")})

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Never repeated by itself: a person presses again."""
        return self._call(method, f"/api/v1{path}", json=body, headers={**self._headers, **(headers or {})})

    def document(self) -> Answer:
        return self._call("GET", "/api/openapi.json")

    def _call(self, method: str, path: str, **more: Any) -> Answer:
        if not _PLAIN.fullmatch(path) or "/." in path:
            return Answer(problem=self._nowhere())
        more.setdefault("headers", self._headers)
        try:
            response = self._pool.request(method, self._address + path, timeout=TIMEOUT, allow_redirects=False, **more)
        except requests.RequestException as error:
            log.warning("no answer", path=path, error=type(error).__name__)
            return Answer(problem=self._unreachable(path))
        return self._read(path, response)

    def _read(self, path: str, response: requests.Response) -> Answer:
        try:
            data = response.json() if response.content else {}
        except ValueError:
            data = None
        if response.ok and data is not None:
            return Answer(data=data)
        if not isinstance(data, dict):
            return Answer(problem=self._unreachable(path, response.status_code))
        return Answer(problem=self._problem(path, response.status_code, data))

    def _problem(self, path: str, status: int, data: Mapping[str, Any]) -> Problem:
        slug = str(data.get("type", "")).replace(":", "/").rpartition("/")[2] or f"http-{status}"
        reference = str(data.get("reference") or self._reference)
        if slug in _SAID_BY_THE_GATEWAY:
            return self._unreachable(path, status, reference)
        return Problem(
            what=str(data.get("detail") or data.get("title") or "This did not work."),
            do=str(data.get("do") or "If it stays, tell support the reference."),
            reference=reference,
            status=status,
            slug=slug,
            fields=data.get("fields") or {},
        )

    def _nowhere(self) -> Problem:
        """An id out of an address would lead elsewhere: up the path, or on to a query."""
        return Problem(
            what="There is no such thing.",
            do="Check the address, or start from the first page.",
            reference=self._reference,
            status=404,
            slug="not-found",
        )

    def _unreachable(self, path: str, status: int = 0, reference: str = "") -> Problem:
        part = _SERVICES.get(path.removeprefix("/api/v1/").partition("/")[0], "the gateway")
        return Problem(
            what=f"This part of the page cannot be shown: {part} cannot be reached.",
            do="Nothing is lost. Try again in a moment; if it stays, tell support the reference.",
            reference=reference or self._reference,
            status=status,
        )
