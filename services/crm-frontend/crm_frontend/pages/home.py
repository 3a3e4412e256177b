"""The first page, and Accounting Link: choosing Xero, connecting, and what came of it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from accounting_link.chassis.callers import ADMIN
from accounting_link.chassis.web import reference
from crm_frontend import words
from crm_frontend.gateway import Answer, Problem
from crm_frontend.pages import common, session
from crm_frontend.pages.common import Page, api, chosen, connections, page, query, signed_in

blp = Blueprint("home", __name__)
_OPEN = frozenset({"home.first"})


@blp.before_request
def _signed_in() -> Response | None:
    return None if request.endpoint in _OPEN else signed_in()


@blp.get("/")
def first() -> Page:
    if g.who is None:
        return session.shown()
    connection = chosen()
    if connection is None:
        return page("home.html")
    totals = api().get("/transactions/totals", connection_id=connection["id"])
    syncs = api().get("/syncs", connection_id=connection["id"], limit=1)
    return page("home.html", syncs=syncs, totals=totals, owed=_owed(totals))


def _owed(totals: Answer) -> dict[str, Decimal]:
    """By currency. Sales that await payment; an answer for another status adds nothing."""
    owed: dict[str, Decimal] = {}
    for item in totals.items:
        if item["status"] == "AUTHORISED":
            owed[item["currency"]] = owed.get(item["currency"], Decimal(0)) + words.decimal(item["due"])
    return owed


@blp.get("/accounting-link")
def accounting_link() -> Page:
    application = request.args.get("application") or ("xero" if connections().items else "")
    return page(
        "accounting_link.html",
        main=connections(),
        application=application,
        known=_signature(),
        health={item["id"]: _health(item["id"]) for item in connections().items if item["state"] == "connected"},
        removals={item["id"]: _removal(item) for item in connections().items if item["state"] == "disconnected"},
        may=ADMIN in g.who.roles,
    )


def _removal(connection: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what it imported until it was disconnected last; empty where nobody asked for one, or may not see it."""
    if ADMIN not in g.who.roles:
        return {}
    found = api().get("/removals", connection_id=connection["id"], limit=1).items
    return next((one for one in found if one["authorisation"] == connection["authorisation"]), {})


def _health(connection_id: str) -> Mapping[str, Any]:
    """Empty where the logs cannot be asked: the page says the rest."""
    return api().get("/logs/health", connection_id=connection_id).data or {}


@blp.get("/accounting-link/disconnect/<connection_id>")
def ask_to_disconnect(connection_id: str) -> Page:
    """What will happen, before it does."""
    return page("disconnect.html", main=api().get(f"/connections/{connection_id}"))


@blp.post("/accounting-link/disconnect/<connection_id>")
def disconnect(connection_id: str) -> Page:
    done = api().send("DELETE", f"/connections/{connection_id}")
    if done.problem:
        return page("disconnect.html", main=done)
    return redirect(url_for("home.accounting_link", application="xero", disconnected=connection_id), 303)


@blp.get("/accounting-link/audit")
def audit() -> Page:
    """What people of the account did."""
    filters = query("act", "by", "cursor")
    names = {item["id"]: item["tenant_name"] for item in connections().items}
    return page("audit.html", main=api().get("/logs/audit", **filters), filters=filters, names=names)


@blp.get("/accounting-link/waiting")
def waiting() -> Page:
    """What the waiting tab asks every second while the person is at Xero in the other one."""
    return render_template(
        "fragments/waiting.html", known=request.args.get("known", ""), now=_signature(), asked=connections()
    )


def _signature() -> str:
    """Changes when a connection is made or mended; nothing more can be told from it."""
    return ",".join(sorted(item["id"] for item in connections().items if item["state"] == "connected"))


@blp.get("/accounting-link/first-look")
def first_look() -> Page:
    """What the pages that show it ask for until the counts are there."""
    asks = request.args.get("asks", "")
    return render_template("fragments/first_look.html", look=common.first_look(int(asks) if asks.isdecimal() else 0))


@blp.post("/accounting-link/connect")
def connect() -> Page:
    """Opens in a tab of its own. It shows a page that leads on, for the policy lets no form answer with
    another site's address."""
    answer = api().send("POST", "/connections/authorize")
    if answer.problem:
        return page("not_connected.html", main=answer, what="", do="")
    address = str(answer.data.get("authorize_url", ""))
    if urlsplit(address).scheme not in ("http", "https"):
        problem = Problem(
            what="The address of Xero's sign-in is missing.", do="Tell support the reference.", reference=reference()
        )
        return page("not_connected.html", main=Answer(problem=problem), what="", do="")
    return render_template("to_xero.html", address=address)


@blp.get("/accounting-link/connected")
def connected() -> Page:
    return page("connected.html", look=common.first_look())


@blp.get("/accounting-link/not-connected")
def not_connected() -> Page:
    what, do = words.NOT_CONNECTED.get(request.args.get("reason", ""), words.NOT_CONNECTED_OTHERWISE)
    return page("not_connected.html", what=what, do=do)


@blp.get("/xero")
def xero() -> Page:
    return redirect("/xero/sync", 303)
