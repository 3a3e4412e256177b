"""What a person sees of this Xero: signing in to allow an app, and pages of contacts and invoices to change them."""

import re
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from xero_simulator import pdf
from xero_simulator.accounting import find
from xero_simulator.changes import RefusedError, active_with_name
from xero_simulator.identity import PEOPLE, OAuthError
from xero_simulator.kinds import CREDITS, PAYABLE
from xero_simulator.organisation import Organisation
from xero_simulator.query import ANYWHERE, select
from xero_simulator.shelf import Row, Shelf
from xero_simulator.simulator import Simulator
from xero_simulator.wire import Doc

_SHOWN = 50
_BOUNDLESS = 10**9  # pages may sort and search however large the organisation is


def blueprint(simulator: Simulator) -> Blueprint:
    """All pages. They carry no script, and no style but their one stylesheet."""
    routes = Blueprint("pages", __name__)
    _consent(routes, simulator)
    _browsing(routes, simulator)
    _records(routes, simulator)

    @routes.after_request
    def guarded(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        return response

    return routes


def _back(asked: Doc, **answer: str) -> Any:
    """To the app, with what it is to know; its own state goes with it."""
    told = {name: value for name, value in {**answer, "state": asked.get("state")}.items() if value}
    joint = "&" if "?" in asked["redirect_uri"] else "?"
    return redirect(f"{asked['redirect_uri']}{joint}{urlencode(told)}")


def _consent(routes: Blueprint, simulator: Simulator) -> None:
    @routes.get("/identity/connect/authorize")
    def authorize() -> Any:
        asked = request.args.to_dict()
        try:
            consent = simulator.identity.consent(asked)
        except OAuthError as error:
            return _refuse(asked, error)
        held = list(simulator.organisations.values())
        return render_template("authorize.html", asked=asked, scopes=consent.scopes, people=PEOPLE, held=held)

    @routes.post("/identity/connect/authorize")
    def decide() -> Any:
        asked = request.form.to_dict()
        try:
            consent = simulator.identity.consent(asked)
            if asked.get("decision") != "allow":
                return _back(asked, error="access_denied", error_description="The person pressed Cancel")
            chosen = [t for t in request.form.getlist("organisation") if t in simulator.organisations]
            if not chosen:
                raise OAuthError("access_denied", "No organisation was chosen")
            with simulator.lock:
                return _back(asked, code=simulator.identity.allow(consent, asked.get("person", ""), chosen))
        except OAuthError as error:
            return _refuse(asked, error)

    def _refuse(asked: Doc, error: OAuthError) -> Any:
        """An unknown app or address is told to the person; everything else to the app."""
        if error.code == "unauthorized_client" or error.description == "Invalid redirect_uri":
            return render_template("message.html", title="Sorry, something went wrong", text=str(error)), 400
        return _back(asked, error=error.code, error_description=error.description)


def _browsing(routes: Blueprint, simulator: Simulator) -> None:
    @routes.get("/")
    def home() -> str:
        with simulator.lock:
            return render_template("home.html", held=list(simulator.organisations.values()))

    @routes.get("/organisations/<tenant>")
    def organisation(tenant: str) -> str:
        term = request.args.get("search", "")
        query = {ANYWHERE: term, "order": "UpdatedDateUTC DESC", "includeArchived": "true"}
        with simulator.lock:
            org = _organisation(tenant)
            found = {kind: _rows(org, kind, query) for kind in ("contact", *PAYABLE)}
            return render_template("organisation.html", org=org, term=term, shown=_SHOWN, found=found)

    @routes.get("/organisationlogin/default.aspx")
    def deep_link() -> Any:
        """Xero's deep links (developer.xero.com, deep-link guide)."""
        code, target = request.args.get("shortcode", ""), request.args.get("redirecturl", "")
        held = [org for org in simulator.organisations.values() if org.profile["ShortCode"] == code]
        contact = re.search(r"/Contacts/View/([0-9a-fA-F-]{36})", target)
        invoice = re.search(r"/Accounts(?:Receivable|Payable)/\w+\.aspx\?InvoiceID=([0-9a-fA-F-]{36})", target)
        if not held or not (contact or invoice):
            abort(404)
        kind, match = ("contact", contact) if contact else ("invoice", invoice)
        assert match is not None
        return redirect(url_for("pages.record", tenant=held[0].tenant, kind=kind, key=match[1]))

    def _organisation(tenant: str) -> Organisation:
        return simulator.organisations.get(tenant) or abort(404)

    @routes.app_errorhandler(404)
    def missing(_: Exception) -> tuple[str, int]:
        text = "This Xero holds no such page, organisation or record."
        return render_template("message.html", title="Not found", text=text), 404


def _rows(org: Organisation, kind: str, query: dict[str, str]) -> list[Row]:
    return [Row(org.shelves[kind], number) for number in select(org, kind, query, None, _BOUNDLESS)[:_SHOWN]]


_KINDS = "contact, invoice, creditnote, overpayment, prepayment, payment"


def _records(routes: Blueprint, simulator: Simulator) -> None:
    def held(tenant: str, kind: str, key: str) -> tuple[Organisation, Shelf, str]:
        org = simulator.organisations.get(tenant) or abort(404)
        number = find(org.shelves[kind], key)
        return (org, org.shelves[kind], org.shelves[kind].id(number)) if number is not None else abort(404)

    @routes.get(f"/organisations/<tenant>/<any({_KINDS}):kind>/<key>")
    def record(tenant: str, kind: str, key: str, refusal: str = "") -> str:
        with simulator.lock:
            org, _, key = held(tenant, kind, key)
            more = _contact_page(org, key) if kind == "contact" else _document_page(org, kind, key)
            page = kind if kind in ("contact", "payment") else "document"
            return render_template(f"{page}.html", org=org, kind=kind, key=key, refusal=refusal, **more)

    @routes.post(f"/organisations/<tenant>/<any({_KINDS}):kind>/<key>")
    def change(tenant: str, kind: str, key: str) -> Any:
        form = request.form.to_dict()
        wanted: Doc = {"kind": kind, "id": key, "op": form.pop("op")}
        wanted |= {name: form.pop(name, None) for name in ("amount", "into", "invoice")}
        wanted["set"] = {name: value or None for name, value in form.items()}
        try:
            with simulator.lock:
                simulator.change(tenant, [_by_name(simulator.organisations[tenant], wanted)])
        except KeyError:
            abort(404)
        except RefusedError as error:
            return record(tenant, kind, key, refusal=str(error)), 400
        return redirect(url_for("pages.record", tenant=tenant, kind=kind, key=key))

    @routes.get("/online/<tenant>/<key>")
    def online(tenant: str, key: str) -> Response:
        """What OnlineInvoice leads the customer to: the invoice as PDF."""
        with simulator.lock:
            org, _, key = held(tenant, "invoice", key)
            doc = org.doc("invoice", key)
            name = org.doc("contact", doc["Contact"]["ContactID"]).get("Name")
        return Response(pdf.invoice(doc, name), content_type="application/pdf")


def _by_name(org: Organisation, wanted: Doc) -> Doc:
    """People say who or which by name or number where programs say ids."""
    into, invoice = wanted["into"], wanted["invoice"]
    number = find(org.invoices, invoice) if invoice else None
    more = {"into": active_with_name(org, into) or into} if into else {}
    return {**wanted, **more, **({} if number is None else {"invoice": org.invoices.id(number)})}


def _contact_page(org: Organisation, key: str) -> Doc:
    documents = {kind: org.of_contact(kind, key)[:_SHOWN] for kind in PAYABLE}
    return {"doc": org.doc("contact", key), "found": documents}


def _document_page(org: Organisation, kind: str, key: str) -> Doc:
    doc = org.doc(kind, key)
    if kind == "payment":
        number = org.shelves["payment"].find(key)
        return {"doc": doc, "parent": org.parent(number or 0)}
    contact = org.contacts.records[doc["Contact"]["ContactID"]]
    applied = {credit: doc.get(f"{name}s", []) for credit, name in zip(CREDITS, _CREDIT_NAMES, strict=True)}
    return {"doc": doc, "contact": contact, "applied": applied if kind == "invoice" else {}}


_CREDIT_NAMES = ("CreditNote", "Overpayment", "Prepayment")
