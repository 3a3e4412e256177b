"""People: the list, a new one, one with what can be done with it, and Create in Xero."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from flask import Blueprint, redirect, render_template, request, url_for

from crm_frontend import in_xero
from crm_frontend.gateway import Answer, Problem
from crm_frontend.pages.common import Page, api, chosen, connections, page, query, signed_in, site, standing

blp = Blueprint("contacts", __name__, url_prefix="/contacts")
blp.before_request(signed_in)

_OF_A_PERSON = ("first_name", "last_name", "email")
_TYPED = (*_OF_A_PERSON, "company_name")
_SEVERAL = 2  # organisations
_SUGGESTED = 10  # companies, while one types


@blp.get("")
def contacts() -> Page:
    filters = query("search", "cursor")
    return page("contacts.html", main=api().get("/contacts", **filters), filters=filters)


@blp.get("/new")
def new() -> Page:
    """``like``: somebody whose names are filled in, who is not to be named in an address."""
    like = request.args.get("like")
    known = (api().get(f"/contacts/{like}").data or {}) if like else {}
    return _new(Answer(), {**{name: known[name] for name in _OF_A_PERSON if known.get(name)}, **query("company_name")})


@blp.post("/new")
def save() -> Page:
    """The key comes from the form, so that pressing twice makes one contact."""
    typed = {name: value for name in _TYPED if (value := request.form.get(name, "").strip())}
    key = request.form.get("key") or str(uuid4())
    saved = api().send("POST", "/contacts", typed, {"Idempotency-Key": key})
    if saved.problem:
        return _new(saved, typed)
    return redirect(url_for("contacts.contact", contact_id=saved.data["id"]), 303)


def _new(main: Answer, typed: Mapping[str, str]) -> Page:
    """What is wrong with a field stands beside it, and all else above the form."""
    said = _said_of_fields(main.problem)
    wrong = {name: what if isinstance(what, str) else " ".join(what) for name, what in said.items() if name in _TYPED}
    if main.problem and wrong:
        others = {name: what for name, what in said.items() if name not in wrong}
        main = Answer(problem=replace(main.problem, fields=others))
    # The same again where nothing was made of it, so that a second press of Save finds what the first one made.
    key = request.form.get("key") if main.problem and main.problem.may_pass else None
    return page("new_contact.html", main=main, typed=typed, wrong=wrong, key=key or str(uuid4()))


def _said_of_fields(problem: Problem | None) -> Mapping[str, Any]:
    said = (problem.fields.get("json") or problem.fields) if problem else {}
    return said if isinstance(said, Mapping) else {}


@blp.get("/companies")
def companies() -> Page:
    """Suggestions while one types a new contact's company."""
    typed = query("company_name").get("company_name")
    found = api().get("/companies", search=typed, limit=_SUGGESTED) if typed else Answer()
    return render_template("fragments/company_names.html", names=[company["name"] for company in found.items])


@blp.get("/<contact_id>")
def contact(contact_id: str) -> Page:
    found = api().get(f"/contacts/{contact_id}")
    return page("contact.html", main=found, **_shown(found))


@blp.get("/<contact_id>/exports")
def exports(contact_id: str) -> Page:
    """The part that changes, again; with what can be done now, once nothing is on its way any more."""
    found = api().get(f"/contacts/{contact_id}")
    return render_template("fragments/exports.html", main=found, swapped=True, **_shown(found))


@blp.get("/<contact_id>/create-in-xero")
def ask(contact_id: str) -> Page:
    """What Xero will get, before it does."""
    found, connection = api().get(f"/contacts/{contact_id}"), chosen()
    shown = _shown(found)
    there = [place for place in shown["places"] if connection and place.connection["id"] == connection["id"]]
    return page("create_in_xero.html", main=found, **shown, place=there[0] if there else None, contact_id=contact_id)


@blp.post("/<contact_id>/create-in-xero")
def create(contact_id: str) -> Page:
    """Asked twice it is the same wish."""
    wish = {"connection_id": request.form.get("connection", ""), "contact_id": contact_id}
    asked = api().send("POST", "/exports", wish)
    if asked.problem:
        return page("create_in_xero.html", main=asked, person={}, place=None, contact_id=contact_id)
    return redirect(url_for("contacts.contact", contact_id=contact_id), 303)


def _shown(found: Answer) -> dict[str, Any]:
    person = found.data or {}
    company = _company(person)
    parts = (company.data or {}).get("parts") or ()
    now = site().clock.now()
    places = in_xero.places(person, parts, connections().items, now) if person else []
    name = " ".join(filter(None, (person.get("first_name"), person.get("last_name"))))
    return {"person": person, "name": name, "places": places, "unknown": connections().problem or company.problem}


def _company(person: Mapping[str, Any]) -> Answer:
    """Asked for where it matters: whether it is in Xero decides what a contact is offered."""
    if not person.get("company_id") or (person.get("contact_id") and len(standing()) < _SEVERAL):
        return Answer()
    return api().get(f"/companies/{person['company_id']}")
