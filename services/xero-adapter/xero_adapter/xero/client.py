"""One call to Xero's accounting API: a token, a tenant, a deadline for the whole of it."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import requests
import urllib3
from requests_oauthlib import OAuth2Session

from accounting_link.chassis.clock import Clock
from xero_adapter.xero import wire
from xero_adapter.xero.refusals import (
    ConnectionGone,
    Missing,
    NotGranted,
    NotValid,
    OrderRefused,
    Refused,
    Throttled,
    TokenExpired,
    Unavailable,
)
from xero_adapter.xero.tokens import Token

_CHUNK = 1 << 18
_CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``headers`` may be looked up in any case. 304 is an answer too, without a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    egress: int  # bytes that Xero counts: what came over the wire


class Xero(Protocol):
    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Whatever Xero answers, errors too. Raises Unavailable when nothing whole came in time."""

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """As ``get``. Sent once: where it raises Unavailable, Xero may have done what it was asked."""


class HttpXero:
    """By requests-oauthlib, a session a thread: it is not made for more."""

    def __init__(self, url: str, deadline: timedelta, clock: Clock) -> None:
        self._url, self._deadline, self._clock = url.rstrip("/"), deadline, clock
        self._local = threading.local()

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        return self._send("GET", token, path, headers, params=dict(query))

    def put(self, token: Token, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        # To follow a redirect would be to send it a second time.
        json = {"Content-Type": "application/json", **headers}
        return self._send("PUT", token, path, json, data=body, allow_redirects=False)

    def _send(self, method: str, token: Token, path: str, headers: Mapping[str, str], **more: Any) -> Answer:
        ends = self._clock.monotonic() + self._deadline.total_seconds()
        try:
            with self._session(token).request(
                method,
                f"{self._url}/{path}",
                headers={"xero-tenant-id": token.tenant_id, "Accept": "application/json", **headers},
                timeout=(_CONNECT_SECONDS, self._deadline.total_seconds() / 2),
                stream=True,
                **more,
            ) as response:
                body = self._body(response, ends)
                return Answer(
                    status=response.status_code, headers=response.headers, body=body, egress=response.raw.tell()
                )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Unavailable(f"Xero does not answer ({type(error).__name__})") from error

    def _body(self, response: requests.Response, ends: float) -> bytes:
        # The timeout that requests knows is one between bytes: a trickle would outlive every permit.
        chunks = []
        # read1 returns what is there; to fill a chunk first would wait for each of its bytes.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            chunks.append(chunk)
            if self._clock.monotonic() > ends:
                raise Unavailable("Xero did not finish its answer in time")
        return b"".join(chunks)

    def _session(self, token: Token) -> OAuth2Session:
        session: OAuth2Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = OAuth2Session()
        session.token = {"access_token": token.access_token, "token_type": "Bearer"}
        return session


def check(answer: Answer) -> Answer:
    """200 and 304 pass; everything else is raised as what follows from it."""
    status = answer.status
    if status in (200, 304):
        return answer
    if status == 429:
        retry = answer.headers.get("Retry-After", "")
        raise Throttled("Xero asked to wait", timedelta(seconds=int(retry) if retry.isdigit() else 60))
    if status == 401 and b"AuthorizationUnsuccessful" in answer.body:  # no newer token has a right more
        raise NotGranted("Xero does not let this connection read it: the right was not granted")
    if status == 401:
        raise TokenExpired("Xero did not accept the token")
    if status == 403:
        raise ConnectionGone("Xero no longer gives access to this organisation")
    if status >= 500 or status == 409:  # a conflict is with a try that Xero is still at work on
        raise Unavailable(f"Xero answers {status}")
    said = f"Xero refused the call ({status}): {_words(answer.body)}"
    if status == 404:
        raise Missing(said)
    if status == 400:
        _check_refusal(answer, said)
    raise Refused(said)


def _check_refusal(answer: Answer, said: str) -> None:
    told = wire.refusal(answer.body)
    if told.type == "ValidationException":
        raise NotValid(said, told.messages or (told.message,))
    if b"HighVolume" in answer.body:
        raise OrderRefused(f"Xero refused the order or the filter: {_words(answer.body)}")


def _words(body: bytes) -> str:
    return body[:300].decode("utf-8", "replace")
