"""What every page has at hand: who is signed in, the APIs in their name, and the account's Xero connections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from accounting_link.chassis.callers import ADMIN, MEMBER
from accounting_link.chassis.clock import Clock
from accounting_link.chassis.rates import Bucket, MemoryBucket, Rate
from accounting_link.chassis.web import reference
from crm_frontend import sign_in
from crm_frontend.gateway import Answer, Api
from crm_frontend.people import Person
from crm_frontend.settings import Settings

# From one address: here everybody's may be the same, so it stops a flood and no office.
SIGN_INS = Rate(at_once=60, a_minute=60)

# Who is offered what. The APIs decide by themselves: a page only offers nobody what they would be refused.
RIGHTS = {"connect": ADMIN, "settings": ADMIN, "audit": ADMIN, "sync": MEMBER, "money": MEMBER, "create": MEMBER}
_CHOSEN = "organisation"  # cookie: the connection that this browser looked at last

Page = str | tuple[str, int] | AnyResponse


@dataclass(frozen=True, slots=True)
class Site:
    """What lives as long as the process."""

    settings: Settings
    pool: requests.Session
    clock: Clock
    sign_ins: Bucket  # by network address


def register(app: Flask, settings: Settings, pool: requests.Session, clock: Clock) -> None:
    app.extensions["crm_frontend"] = Site(settings, pool, clock, MemoryBucket(SIGN_INS, clock))

    @app.before_request
    def _greet() -> None:
        g.session = request.cookies.get(sign_in.COOKIE)
        g.who = sign_in.who(g.session, settings.signing_key, clock)
        if g.who is None and settings.auto_sign_in and request.path == "/":
            begin_session(settings.auto_sign_in)

    @app.after_request
    def _keep(response: Response) -> Response:
        if "new_session" in g:
            set_cookie(response, g.new_session)
        if request.values.get("connection") and "connections" in g and (connection := chosen()):
            response.set_cookie(_CHOSEN, connection["id"], **_cookie())
        return response

    @app.context_processor
    def _context() -> dict[str, Any]:
        return {
            "who": g.get("who"),
            "connections": connections,
            "chosen": chosen,
            "standing": standing,
            "xero_url": xero_url,
        }

    # Globals rather than context: macros see no context.
    app.jinja_env.globals |= {"query_of": query_of, "may": may, "contact_in_xero": contact_in_xero}


def may(right: str) -> bool:
    """Whether who looks is offered it: a key of RIGHTS."""
    who: Person | None = g.get("who")
    return who is not None and RIGHTS[right] in who.roles


def site() -> Site:
    found: Site = current_app.extensions["crm_frontend"]
    return found


def api() -> Api:
    return Api(site().pool, site().settings.gateway_url, g.session, reference(), request.remote_addr or "")


def begin_session(person: Person) -> None:
    """From this request on, this browser is ``person``."""
    g.session = g.new_session = sign_in.session_for(person, site().settings.signing_key, site().clock)
    g.who = person


def set_cookie(response: Response, session: str) -> None:
    response.set_cookie(sign_in.COOKIE, session, **_cookie())


def _cookie() -> dict[str, Any]:
    secure = request.is_secure or site().settings.public_url.startswith("https:")
    return {"max_age": sign_in.LIVES, "path": "/", "httponly": True, "samesite": "Lax", "secure": secure}


def signed_in() -> AnyResponse | None:
    """For ``before_request``: sends who is not signed in to do so, and back here afterwards."""
    if g.who is not None:
        return None
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("session.choose", next=here), 303)


def local(address: str | None) -> str:
    """Where to go on to: only ever a page of ours."""
    # Browsers leave tabs and line ends out of an address, and so does urlsplit: what is left may be another one.
    if not address or any(ord(letter) < 32 for letter in address):
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/") and "\\" not in parts.path
    return address if inside and not parts.path.startswith("//") else "/"


def connections() -> Answer:
    """Asked for once a request: the menu needs it, and most pages."""
    if "connections" not in g:
        g.connections = api().get("/connections") if g.get("who") else Answer(data={"items": []})
    found: Answer = g.connections
    return found


def standing() -> list[dict[str, Any]]:
    """The connections to choose from."""
    return [item for item in connections().items if item["state"] != "disconnected"]


def chosen() -> dict[str, Any] | None:
    """The connection that this page is about: the one named and no other; else the one looked at last, else the
    first that stands."""
    wanted, last = request.values.get("connection"), request.cookies.get(_CHOSEN)
    if wanted:
        return next((item for item in standing() if item["id"] == wanted), None)
    return min(standing(), key=lambda item: (item["id"] != last, item["state"] != "connected"), default=None)


def xero_url(endpoint: str, **values: Any) -> str:
    """A page of the Xero module; it names its connection where there is a choice."""
    connection = chosen()
    if connection and len(connections().items) > 1:
        values.setdefault("connection", connection["id"])
    return url_for(endpoint, **values)


def organisation(connection_id: str) -> dict[str, Any]:
    """What Xero says of the organisation; asked for once a request, empty until it was read."""
    known: dict[str, dict[str, Any]] = g.setdefault("organisations", {})
    if connection_id not in known:
        found = api().get(f"/organisations/{connection_id}") if connection_id else Answer()
        known[connection_id] = {} if found.problem else found.data or {}
    return known[connection_id]


def first_look(asks: int = 0) -> dict[str, Any] | None:
    """What a person confirms before the first sync: the organisation and how much it holds. None once one was asked for
    since it was connected. ``asks``: how often the page has asked already."""
    connection = chosen()
    if connection is None or connection["state"] != "connected":
        return None
    syncs = api().get("/syncs", connection_id=connection["id"], limit=1)
    if syncs.problem or any(sync["requested_at"] >= connection["connected_at"] for sync in syncs.items):
        return None
    return {"connection": connection, "organisation": organisation(connection["id"]), "asks": asks}


def deep_link(connection_id: str, leads_to: str) -> str:
    """Open in Xero: the organisation by its short code, then the page. Empty while the short code is not known."""
    code = organisation(connection_id).get("short_code")
    query = urlencode({"shortcode": code, "redirecturl": leads_to})
    return f"{site().settings.xero_deep_link_url}?{query}" if code else ""


def contact_in_xero(connection_id: str, xero_id: str) -> str:
    """Open in Xero, of a contact."""
    return deep_link(connection_id, f"/Contacts/View/{xero_id}") if xero_id else ""


def of_connection(view: Callable[..., Page]) -> Callable[..., Page]:
    """Hands the view the id of its connection, or says why there is none."""

    @wraps(view)
    def found(*args: Any, **kwargs: Any) -> Page:
        connection = chosen()
        if connection is None:
            return page("xero/no_connection.html", main=connections())
        return view(connection["id"], *args, **kwargs)

    return found


def page(template: str, *, main: Answer | None = None, **context: Any) -> Page:
    """``main`` is the answer that the page is about: when it did not come, the status says so too."""
    shown = render_template(template, main=main, **context)
    if main is None or main.problem is None:
        return shown
    return shown, main.problem.status or 502


def query(*names: str) -> dict[str, str]:
    """Those of the page's own filters that were set."""
    return {name: request.args[name].strip() for name in names if request.args.get(name, "").strip()}


def query_of(filters: Mapping[str, str], **changed: str) -> str:
    """The filters again, as the end of an address, with these changed; empty ones are left away."""
    wanted = {name: value for name, value in {**filters, **changed}.items() if value}
    return f"?{urlencode(wanted)}" if wanted else ""
