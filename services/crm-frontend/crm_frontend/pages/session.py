"""Signing in and out, in development."""

from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, redirect, render_template, request, url_for

from accounting_link.chassis import rates
from crm_frontend import sign_in, words
from crm_frontend.pages.common import Page, begin_session, local, site
from crm_frontend.people import PEOPLE, ROLES, Person

blp = Blueprint("session", __name__)


@blp.get("/sign-in")
def choose() -> Page:
    return shown()


def shown() -> str:
    accounts: dict[str, list[Person]] = {}
    for person in PEOPLE.values():
        accounts.setdefault(person.account_name, []).append(person)
    leads_to = local(request.args.get("next"))
    return render_template("sign_in.html", accounts=accounts, roles=ROLES, next=leads_to, why=_why(leads_to))


def _why(leads_to: str) -> str:
    """Who comes back from Xero signed out reads here already what became of it."""
    asked = urlsplit(leads_to)
    reason = parse_qs(asked.query).get("reason", [""])[0] if asked.path == url_for("home.not_connected") else ""
    return words.NOT_CONNECTED[reason][0] if reason in words.NOT_CONNECTED else ""


@blp.post("/sign-in")
def enter() -> Page:
    rates.take(site().sign_ins, request.remote_addr or "")
    person = PEOPLE.get(request.form.get("person", ""))
    if person is None:
        return shown(), 400
    begin_session(person)
    return redirect(local(request.form.get("next")), 303)


@blp.post("/sign-out")
def leave() -> Page:
    response = redirect(url_for("session.choose"), 303)
    response.delete_cookie(sign_in.COOKIE, path="/", httponly=True, samesite="Lax")
    return response


@blp.get("/.well-known/jwks.json")
def keys() -> dict[str, object]:
    return {"keys": [site().settings.signing_key.jwk]}
