"""The Xero module: Sync Settings, Sync, View Log, View Sales."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from flask import Blueprint, redirect, render_template, request, url_for

from crm_frontend import lookup, progress
from crm_frontend.gateway import Answer
from crm_frontend.pages.common import (
    Page,
    api,
    chosen,
    first_look,
    of_connection,
    page,
    query,
    signed_in,
    site,
    standing,
    xero_url,
)

blp = Blueprint("xero", __name__, url_prefix="/xero")
blp.before_request(signed_in)


_PAGES_OF_LEFT_OUT = 10  # of 200
_MOST_COMPANIES = 100  # whose sales one search finds
_LOOKS_AT_A_NEW_CONNECTION = 30  # a second apart


@blp.get("/settings")
@of_connection
def settings(connection: str) -> Page:
    found = api().get(f"/settings/{connection}")
    return _being_set_up(found) or _settings(connection, found, found.data or {})


@blp.post("/settings")
@of_connection
def save_settings(connection: str) -> Page:
    asked = _as_asked()
    saved = api().send("PUT", f"/settings/{connection}", asked)
    if saved.problem:
        return _being_set_up(saved) or _settings(connection, saved, asked)
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
    selected = dict.fromkeys(values.get("selected_suppliers") or (), "")
    return {**selected, **dict(sorted(known.items(), key=lambda supplier: supplier[1].casefold()))}


def _being_set_up(answer: Answer) -> Page | None:
    """auth-link knows a new connection a moment before sync-orchestrator has heard of it: the page says so and asks
    the same again by itself. None when it is something else, or does not pass."""
    connection, tries = chosen(), request.values.get("tries", "0")
    stands = connection is not None and connection["state"] == "connected"
    looks = int(tries) + 1 if tries.isdecimal() else 1
    if not (answer.problem and answer.problem.is_missing and stands) or looks > _LOOKS_AT_A_NEW_CONNECTION:
        return None
    form = {name: values for name, values in request.form.lists() if name != "tries"}
    return page("xero/being_set_up.html", form=form, looks=looks)


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
    named = request.args.get("sync")
    found = api().get(f"/syncs/{named}") if named else _newest(connection)
    return _of_another(found, "xero.sync", sync=named) or _sync(found)


@blp.post("/sync")
@of_connection
def start(connection: str) -> Page:
    """The key comes from the form, so that pressing twice starts one sync."""
    body = {"connection_id": connection, "kind": "full" if request.form.get("everything") else "delta"}
    key = request.form.get("key") or str(uuid4())
    asked = api().send("POST", "/syncs", body, {"Idempotency-Key": key})
    if asked.problem:
        return _being_set_up(asked) or _sync(_newest(connection), asked)
    return redirect(xero_url("xero.sync", sync=asked.data["id"]), 303)


@blp.post("/sync/<sync_id>/cancel")
@of_connection
def cancel(connection: str, sync_id: str) -> Page:
    asked = api().send("POST", f"/syncs/{sync_id}/cancel")
    if asked.problem:
        return _sync(_newest(connection), asked)
    return redirect(xero_url("xero.sync", sync=sync_id), 303)


@blp.get("/sync/<sync_id>/panel")
@of_connection
def panel(connection: str, sync_id: str) -> Page:
    """The live part of the Sync page, again."""
    return render_template("fragments/sync_panel.html", **_panel(api().get(f"/syncs/{sync_id}")))


def _of_another(found: Answer, endpoint: str, **values: Any) -> Page | None:
    """To the same under its own organisation: what an address names may be of another one than is chosen."""
    whose = (found.data or {}).get("connection_id")
    mine = chosen()
    if not whose or mine is None or whose == mine["id"] or whose not in [each["id"] for each in standing()]:
        return None
    return redirect(url_for(endpoint, **values, connection=whose), 303)


def _sync(found: Answer, asked: Answer | None = None) -> Page:
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
        "line": progress.line(progress.results(log.data or {})),
    }


@blp.get("/log")
@of_connection
def log(connection: str) -> Page:
    found = api().get("/logs/sync", connection_id=connection, **query("cursor"))
    lines = {item["id"]: progress.line(item.get("results") or {}) for item in found.items}
    return page("xero/log.html", main=found, lines=lines)


@blp.get("/log/<sync_id>")
@of_connection
def log_of(connection: str, sync_id: str) -> Page:
    told = api().get(f"/logs/sync/{sync_id}")
    if elsewhere := _of_another(told, "xero.log_of", sync_id=sync_id):
        return elsewhere
    wanted = query("result", "kind", "cursor")
    records = api().get(f"/logs/sync/{sync_id}/records", **wanted)
    return page(
        "xero/log_of.html",
        main=told,
        sync_id=sync_id,
        counts=progress.counts(told.data or {}),
        line=progress.line(progress.results(told.data or {})),
        records=records,
        customers=lookup.customers(api(), connection, _contacts(records.items)),
        filters={**wanted, "connection": connection},
    )


@blp.get("/sales")
@of_connection
def sales(connection: str) -> Page:
    filters = query("search", "kind", "status", "currency", "cursor")
    theirs = _contacts_called(connection, filters.get("search"))
    found = api().get("/logs/sales", connection_id=connection, limit=25, contact_ids=theirs, **filters)
    totals = api().get("/transactions/totals", connection_id=connection)
    currencies = sorted({item["currency"] for item in totals.items})
    customers = lookup.customers(api(), connection, (item["contact_id"] for item in found.items))
    return page("xero/sales.html", main=found, filters=filters, currencies=currencies, customers=customers)


def _contacts_called(connection: str, search: str | None) -> str:
    """Whose sales a search finds beside those with such a number: the sales log knows people by id only."""
    if not search:
        return ""
    found = api().get("/companies", search=search, limit=_MOST_COMPANIES)
    parts = [part for company in found.items for part in company.get("parts") or ()]
    return ",".join([part["contact_id"] for part in parts if part["connection_id"] == connection][:_MOST_COMPANIES])


def _contacts(records: Iterable[dict[str, Any]]) -> set[str]:
    """Whom records are of: contacts themselves, and those whose sales they are."""
    of_sales = {record["sale"]["contact_id"] for record in records if record.get("sale")}
    return of_sales | {record["xero_id"] for record in records if record["kind"] == "contact"}
