"""The CRM as a signed-in person uses it: through the gateway, with a session cookie and forms."""

import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import requests


class DemoFailedError(Exception):
    """A step of the demo did not do what it should; the message says which, and what was answered."""


class Form(HTMLParser):
    """The first form of a page: where it goes, and what it sends when nothing is changed but a button pressed."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.target, self.fields, self.buttons = "", list[tuple[str, str]](), list[tuple[str, str]]()
        self._inside = False
        self.feed(answer.text)
        self.target = urljoin(answer.url, self.target)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attributes}
        if tag == "form" and not self.target:
            self._inside, self.target = True, told.get("action") or "?"
        pair = (told.get("name", ""), told.get("value", ""))
        if not self._inside or not pair[0]:
            return
        if tag == "button":
            self.buttons.append(pair)
        elif tag == "input" and (told.get("type") not in ("radio", "checkbox") or "checked" in told):
            self.fields.append(pair)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


class Crm:
    """One person's session at the gateway. ``ca``: a file of the CA that its certificate is of, when it is not the
    world's."""

    def __init__(self, url: str, ca: str = "") -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ca or True
        self._session.headers["Origin"] = url  # as a browser's forms say

    def sign_in(self, person: str) -> None:
        page = self._good("sign in", self._session.get(f"{self.url}/sign-in", timeout=30))
        sent = {**dict(Form(page).fields), "person": person}
        self._good("sign in", self._session.post(f"{self.url}/sign-in", sent, timeout=30))

    def enter(self, session: str) -> None:
        """With a session that the CRM's sign-in gave elsewhere."""
        self._session.cookies.set("session", session)

    def connect(self, tenant_id: str = "", person: str = "") -> str:
        """Through Xero's own pages, as a person would, to this organisation or the first; the connection's id.
        ``person``: by which of Xero's logins, or the first."""
        asked = self.post("/connections/authorize", {})
        page = self._good("open Xero's page", self._session.get(asked["authorize_url"], timeout=30))
        form = Form(page)
        chosen = {"organisation": tenant_id, "person": person}
        fields = [(name, chosen.get(name) or value) for name, value in form.fields]
        sent = [*fields, *form.buttons[:1]]  # the first button allows
        back = self._good("connect", self._session.post(form.target, sent, timeout=60))
        if "/connected?" not in back.url or "/not-connected" in back.url:
            raise DemoFailedError(f"Xero was not connected: it ended at {back.url}")
        return back.url.rpartition("connection=")[2].partition("&")[0]

    def get(self, path: str, **query: str) -> Any:
        """``path`` below /api/v1."""
        answer = self._session.get(f"{self.url}/api/v1{path}", params=query, timeout=30)
        return self._good(f"GET {path}", answer).json()

    def page(self, path: str) -> str:
        """The HTML of one of the CRM's own pages."""
        return self._good(f"open {path}", self._session.get(f"{self.url}{path}", timeout=30)).text

    def text(self, path: str) -> str:
        """What is answered at an address of the gateway, whatever it is; of a refusal too."""
        return self._session.get(f"{self.url}{path}", timeout=30).text

    def knows(self, path: str) -> bool:
        """Whether there is such a thing (yet)."""
        return self._session.get(f"{self.url}/api/v1{path}", timeout=30).status_code != 404

    def post(self, path: str, body: object) -> Any:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self._session.post(f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=30)
        return self._good(f"POST {path}", answer).json()

    def accepts(self, path: str, body: object) -> bool:
        """Whether this can be asked for now."""
        return self._session.post(f"{self.url}/api/v1{path}", json=body, timeout=30).ok

    def disconnect(self, connection_id: str) -> Any:
        answer = self._session.delete(f"{self.url}/api/v1/connections/{connection_id}", timeout=30)
        return self._good("disconnect", answer).json()

    def every(self, path: str, **query: str) -> Iterator[Any]:
        """All items of a list, page after page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, limit="200", **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next"]

    def events(self, path: str) -> Iterator[str]:
        """The data of server-sent events, as they come."""
        with self._session.get(f"{self.url}/api/v1{path}", stream=True, timeout=60) as answer:
            for line in self._good(f"GET {path}", answer).iter_lines(decode_unicode=True):
                if line.startswith("data: "):
                    yield line.removeprefix("data: ")

    def _good(self, what: str, answer: requests.Response) -> requests.Response:
        if not answer.ok:
            raise DemoFailedError(f"Could not {what}: {answer.status_code} from {answer.url}\n{answer.text[:800]}")
        return answer
