"""The Xero module: Sync Settings, Sync, View Log, View Sales."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from flask import Blueprint, redirect, render_template, request

from crm_frontend import lookup, pictures, progress
from crm_frontend.gateway import Answer
from crm_frontend.pages.common import Page, api, first_look, of_connection, page, query, signed_in, site, xero_url

blp = Blueprint("xero", __name__, url_prefix="/xero")
blp.before_request(signed_in)


_PAGES_OF_LEFT_OUT = 10  # of 200


@blp.get("/settings")
@of_connection
def settings(connection: str) -> Page:
    found = api().get(f"/settings/{connection}")
    return _settings(connection, found, found.data or {})


@blp.post("/settings")
@of_connection
def save_settings(connection: str) -> Page:
    chosen = _as_asked()
    saved = api().send("PUT", f"/settings/{connection}", chosen)
    if saved.problem:
        return _settings(connection, saved, chosen)
    return redirect(xero_url("xero.settings", saved="1"), 303)


def _settings(connection: str, main: Answer, values: dict[str, Any]) -> Page:
    """Shows the fields that the API has, and no others."""
    suppliers = _suppliers(connection, values)
    return page("xero/settings.html", main=main, values=values, suppliers=suppliers, look=first_look())


def _suppliers(connection: str, values: dict[str, Any]) -> dict[str, str]:
    """Suppliers to choose from, by name: those a sync has left out by the suppliers rule, and those already chosen."""
    known: dict[str, str] = {}
    cursor: str | None = None
    for _ in range(_PAGES_OF_LEFT_OUT):
        left_out = api().get(
            "/records", connection_id=connection, state="left_out", kind="contact", limit=200, cursor=cursor
        )
        known |= {one["xero_id"]: one.get("name", "") for one in left_out.items if "supplier" in one["reason"].lower()}
        cursor = left_out.next
        if cursor is None:
            break
    chosen = dict.fromkeys(values.get("selected_suppliers") or (), "")
    return {**chosen, **dict(sorted(known.items(), key=lambda supplier: supplier[1].casefold()))}


def _as_asked() -> dict[str, Any]:
    form = request.form
    asked: dict[str, Any] = {name: form[name] for name in ("direction", "frequency", "suppliers") if name in form}
    asked["selected_suppliers"] = form.getlist("selected_suppliers") if asked.get("suppliers") == "selected" else []
    if "sales_since" in form:
        asked["sales_since"] = form["sales_since"] or None
    return asked


@blp.get("/sync")
@of_connection
def sync(connection: str) -> Page:
    return _sync(connection)


@blp.post("/sync")
@of_connection
def start(connection: str) -> Page:
    """The key comes from the form, so that pressing twice starts one sync."""
    body = {"connection_id": connection, "kind": "full" if request.form.get("everything") else "delta"}
    key = request.form.get("key") or str(uuid4())
    asked = api().send("POST", "/syncs", body, {"Idempotency-Key": key})
    if asked.problem:
        return _sync(connection, asked)
    return redirect(xero_url("xero.sync", sync=asked.data["id"]), 303)


@blp.post("/sync/<sync_id>/cancel")
@of_connection
def cancel(connection: str, sync_id: str) -> Page:
    asked = api().send("POST", f"/syncs/{sync_id}/cancel")
    return _sync(connection, asked) if asked.problem else redirect(xero_url("xero.sync", sync=sync_id), 303)


@blp.get("/sync/<sync_id>/panel")
@of_connection
def panel(connection: str, sync_id: str) -> Page:
    """The live part of the Sync page, again."""
    return render_template("fragments/sync_panel.html", **_panel(api().get(f"/syncs/{sync_id}")))


def _sync(connection: str, asked: Answer | None = None) -> Page:
    named = request.args.get("sync")
    found = api().get(f"/syncs/{named}") if named else _newest(connection)
    return page("xero/sync.html", main=asked, key=str(uuid4()), look=first_look(), **_panel(found))


def _newest(connection: str) -> Answer:
    """That a person or a schedule asked for: one of a few contacts follows on its own."""
    found = api().get("/syncs", connection_id=connection, limit=20)
    asked = (sync for sync in found.items if sync["kind"] != "contacts")
    return found if found.problem else Answer(data=next(asked, None))


def _panel(found: Answer) -> dict[str, Any]:
    shown = found.data or {}
    final = progress.is_final(shown)
    log = api().get(f"/logs/sync/{shown['id']}") if final else Answer()
    return {
        "found": found,
        "sync": shown,
        "final": final,
        "bars": progress.bars(shown),
        "seconds": progress.seconds(shown, site().clock.now()),
        "log": log,
        "counts": progress.counts(log.data or {}),
    }


@blp.get("/log")
@of_connection
def log(connection: str) -> Page:
    found = api().get("/logs/sync", connection_id=connection, **query("cursor"))
    return page("xero/log.html", main=found, counts=progress.counts)


@blp.get("/log/<sync_id>")
@of_connection
def log_of(connection: str, sync_id: str) -> Page:
    told = api().get(f"/logs/sync/{sync_id}")
    wanted = query("result", "kind", "cursor")
    records = api().get(f"/logs/sync/{sync_id}/records", **wanted)
    counted = progress.counts(told.data or {})
    return page(
        "xero/log_of.html",
        main=told,
        sync_id=sync_id,
        counts=counted,
        bars={each.kind: pictures.stacked(each.outcomes) for each in counted},
        records=records,
        customers=lookup.customers(api(), connection, _contacts(records.items)),
        filters={**wanted, "connection": connection},
    )


@blp.get("/sales")
@of_connection
def sales(connection: str) -> Page:
    filters = query("search", "kind", "status", "currency", "cursor")
    found = api().get("/logs/sales", connection_id=connection, limit=25, **filters)
    totals = api().get("/transactions/totals", connection_id=connection)
    currencies = sorted({item["currency"] for item in totals.items})
    customers = lookup.customers(api(), connection, (item["contact_id"] for item in found.items))
    return page("xero/sales.html", main=found, filters=filters, currencies=currencies, customers=customers)


def _contacts(records: Iterable[dict[str, Any]]) -> list[str]:
    return [record["xero_id"] for record in records if record["kind"] == "contact"]
