"""crm-frontend: the pages, the development sign-in, and nothing that the gateway's APIs could not give anybody."""

import os
from http import HTTPStatus

import requests
from flask import Flask, Response, g, json, render_template, request

from accounting_link.chassis import logs, web
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from crm_frontend import gateway, security, words
from crm_frontend.gateway import Problem
from crm_frontend.pages import common, contacts, crm, docs, home, removal, session, xero
from crm_frontend.settings import Settings

_PROBLEM = "application/problem+json"


def create_app() -> Flask:
    settings = Settings.from_env(os.environ)
    logs.start(service="crm-frontend", level=settings.web.log_level)
    return build_app(settings, gateway.pool(), SYSTEM_CLOCK)


def build_app(settings: Settings, pool: requests.Session, clock: Clock) -> Flask:
    """Ready as soon as it runs: without the APIs behind it, its pages say what is missing."""
    app = web.create("crm_frontend", settings.web, [], ready={})
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    words.register(app)
    # Those registered later see the answer earlier, so headers are set on error pages too.
    security.register(app)
    common.register(app, settings, pool, clock)
    for blueprint in (session.blp, home.blp, removal.blp, xero.blp, crm.blp, contacts.blp, docs.blp):
        app.register_blueprint(blueprint)
    app.after_request(_as_page)
    return app


def _as_page(response: Response) -> Response:
    """An error of our own, as a page when a browser asks: the chassis answers all with a problem detail."""
    if response.mimetype != _PROBLEM or request.accept_mimetypes.best_match([_PROBLEM, "text/html"]) != "text/html":
        return response
    told = json.loads(response.get_data())
    if response.status_code == HTTPStatus.NOT_FOUND:
        told |= {"detail": "There is no such page.", "do": "Check the address, or start from the first page."}
    problem = Problem(
        what=told["detail"],
        do=told.get("do", ""),
        reference=told["reference"],
        status=told["status"],
        slug=told["type"].rpartition("/")[2],
    )
    template = "error.html"
    if "HX-Request" in request.headers:
        template, response.headers["HX-Reselect"] = "fragments/problem.html", "#problem"  # whatever part was asked for
    g.setdefault("who", None)
    response.set_data(render_template(template, problem=problem, title=told["title"]))
    response.mimetype = "text/html"
    return response
