"""The CRM's records: companies with their Xero tab, and their sales."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint

from crm_frontend import pictures, words
from crm_frontend.gateway import Answer
from crm_frontend.pages.common import (
    Page,
    api,
    connections,
    contact_in_xero,
    deep_link,
    organisation,
    page,
    query,
    signed_in,
)

blp = Blueprint("crm", __name__)
blp.before_request(signed_in)


@blp.get("/companies")
def companies() -> Page:
    filters = query("search", "cursor")
    return page("companies.html", main=api().get("/companies", **filters), filters=filters)


@blp.get("/companies/<company_id>")
def company(company_id: str) -> Page:
    found, filters = api().get(f"/companies/{company_id}"), query("kind", "status", "currency", "cursor")
    shown = found.data or {}
    parts = [_part(part) for part in shown.get("parts") or ()]
    return page(
        "company.html",
        main=found,
        parts=parts,
        balances=[_balance(balance) for balance in shown.get("balances") or ()],
        sales=api().get(f"/companies/{company_id}/transactions", **filters) if parts else Answer(),
        filters=filters,
    )


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    of = organisation(part["connection_id"])
    connection: dict[str, Any] = next((each for each in connections().items if each["id"] == part["connection_id"]), {})
    return {
        **part,
        "organisation": of,
        "disconnected_at": connection.get("disconnected_at"),
        "deep_link": contact_in_xero(part["connection_id"], part["contact_id"]),
    }


def _balance(balance: Mapping[str, Any]) -> dict[str, Any]:
    """One currency's; the ages that owe something, as pieces of a bar."""
    ages = {name: words.decimal(balance["ages"].get(name, 0)) for name in words.AGES}
    return {
        **balance,
        "is_overdue": words.decimal(balance["overdue"]) > 0,
        "has_credit": words.decimal(balance.get("credit", 0)) > 0,
        "pieces": pictures.stacked(ages),
    }


@blp.get("/transactions/<path:transaction_id>")
def transaction(transaction_id: str) -> Page:
    found = api().get(f"/transactions/{transaction_id}")
    shown = found.data or {}
    leads_to = f"/AccountsReceivable/View.aspx?InvoiceID={shown.get('xero_id')}"
    # Xero's guide tells the addresses of invoices and contacts only.
    of = shown.get("connection_id", "") if shown.get("kind") == "invoice" else ""
    return page("transaction.html", main=found, deep_link=deep_link(of, leads_to))
