"""The first page, and Accounting Link: choosing Xero, connecting, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from accounting_link.chassis.web import reference
from crm_frontend import pictures, progress, words
from crm_frontend.gateway import Answer, Problem
from crm_frontend.pages import common, session
from crm_frontend.pages.common import Page, api, chosen, connections, may, page, query, signed_in

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
        return page("xero/no_connection.html" if request.args.get("connection") else "home.html", main=connections())
    totals = api().get("/transactions/totals", connection_id=connection["id"]) if may("money") else Answer()
    syncs = api().get("/syncs", connection_id=connection["id"], limit=1)
    told = api().get("/logs/sync", connection_id=connection["id"], limit=20)
    return page("home.html", syncs=syncs, totals=totals, owed=_owed(totals), line=_line(syncs, told))


def _line(syncs: Answer, told: Answer) -> progress.Line | None:
    """What came of the last sync; None where the log has not heard of it."""
    last = syncs.items[0]["id"] if syncs.items else ""
    return next((progress.line(line["results"]) for line in told.items if line["id"] == last), None)


@dataclass(frozen=True, slots=True)
class Owed:
    """One currency's approved invoices."""

    currency: str
    due: Decimal
    invoiced: Decimal
    pieces: list[pictures.Piece]


def _owed(totals: Answer) -> list[Owed]:
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for item in totals.items:
        if item["kind"] == "invoice" and item["status"] in ("AUTHORISED", "PAID"):
            due, invoiced = found.get(item["currency"], (Decimal(0), Decimal(0)))
            found[item["currency"]] = due + words.decimal(item["due"]), invoiced + words.decimal(item["total"])
    return [
        Owed(currency, due, invoiced, pictures.stacked({"settled": invoiced - due, "owed": due}))
        for currency, (due, invoiced) in sorted(found.items())
    ]


@blp.get("/accounting-link")
def accounting_link() -> Page:
    application = request.args.get("application") or ("xero" if connections().items else "")
    return page(
        "accounting_link.html",
        main=connections(),
        application=application,
        known=_signature(),
        health={item["id"]: _health(item["id"]) for item in connections().items if item["state"] != "disconnected"},
        removals={item["id"]: _removal(item) for item in connections().items if item["state"] == "disconnected"},
    )


def _removal(connection: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of what it imported until it was disconnected last; empty where nobody asked for one, or may not see it."""
    if not may("connect"):
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
    known = request.args.get("known", "")
    made = [item for item in _connected() if _sign(item) not in known.split(",")]
    return render_template("fragments/waiting.html", known=known, made=made, asked=connections())


def _connected() -> list[dict[str, Any]]:
    return [item for item in connections().items if item["state"] == "connected"]


def _sign(connection: Mapping[str, Any]) -> str:
    """Another one with each consent, so that connecting the same organisation again is noticed too."""
    return f"{connection['id']}:{connection['authorisation']}"


def _signature() -> str:
    return ",".join(sorted(_sign(item) for item in _connected()))


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
    """Congratulates for a connection of the account, and for nothing else that an address may say."""
    named = request.args.get("connection")
    made = next((item for item in _connected() if item["id"] == named), None)
    return page("connected.html", main=connections(), made=made, look=common.first_look())


@blp.get("/accounting-link/not-connected")
def not_connected() -> Page:
    what, do = words.NOT_CONNECTED.get(request.args.get("reason", ""), words.NOT_CONNECTED_OTHERWISE)
    return page("not_connected.html", what=what, do=do)


@blp.get("/xero")
def xero() -> Page:
    return redirect("/xero/sync", 303)
