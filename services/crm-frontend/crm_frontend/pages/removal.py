"""Removing what a connection imported: what would go is shown first, then it is confirmed, then followed."""

from flask import Blueprint, redirect, render_template, request, url_for

from crm_frontend.pages.common import Page, api, page, signed_in

blp = Blueprint("removal", __name__, url_prefix="/accounting-link")
blp.before_request(signed_in)


@blp.get("/remove/<connection_id>")
def ask(connection_id: str) -> Page:
    """What would go and what would stay, before anything does."""
    return _asked(connection_id)


@blp.post("/remove/<connection_id>")
def remove(connection_id: str) -> Page:
    if request.form.get("sure") != "yes":
        return _asked(connection_id)
    done = api().send("POST", "/removals", {"connection_id": connection_id})
    if done.problem:
        return page("remove.html", main=done, would=None)
    return redirect(url_for("removal.follow", removal_id=done.data["id"]), 303)


def _asked(connection_id: str) -> Page:
    connection = api().get(f"/connections/{connection_id}")
    return page("remove.html", main=connection, would=api().get("/records/removal", connection_id=connection_id))


@blp.get("/removal/<removal_id>")
def follow(removal_id: str) -> Page:
    found = api().get(f"/removals/{removal_id}")
    connection = api().get(f"/connections/{found.data['connection_id']}") if found.data else found
    return page("removal.html", main=found, connection=connection)


@blp.get("/removal/<removal_id>/panel")
def panel(removal_id: str) -> Page:
    """The part that changes, again."""
    return render_template("fragments/removal_panel.html", found=api().get(f"/removals/{removal_id}"))
