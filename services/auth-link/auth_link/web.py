"""auth-link's web service: session checks for the gateway, connecting, connections, access tokens for xero-adapter."""

import atexit
import os
from contextlib import ExitStack

from flask import Flask

from accounting_link.chassis import logs, mongo, web
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.mongo import Db
from auth_link import sessions
from auth_link.api import connections, consents, internal
from auth_link.parts import assemble
from auth_link.sessions import Keys, Sessions
from auth_link.settings import Web, permit_plain_http
from auth_link.xero import Identity, XeroIdentity


def create_app() -> Flask:
    """What gunicorn calls, once a process."""
    settings = Web.from_env(os.environ)
    logs.start("auth-link", settings.web.log_level)
    permit_plain_http(settings.xero, os.environ)
    exits = ExitStack()
    atexit.register(exits.close)
    return build_app(settings, exits.enter_context(mongo.database(settings.mongo_uri, "auth_link")))


def build_app(settings: Web, db: Db, *, identity: Identity | None = None, clock: Clock = SYSTEM_CLOCK) -> Flask:
    """``identity``: Xero itself unless told otherwise."""
    parts = assemble(db, identity or XeroIdentity(settings.xero), settings.vault_keys, settings.xero.scopes, clock)
    sign_in = settings.sign_in
    checks = Sessions(Keys(sessions.fetch_from(sign_in.jwks_url), clock), sign_in.issuer, sign_in.audience)
    app = web.create(
        "auth-link",
        settings.web,
        [connections.blueprint(parts), consents.blueprint(parts, settings.public_url)],
        ready={"database": lambda: mongo.answers(db)},
    )
    app.register_blueprint(
        internal.blueprint(checks, parts.tokens, parts.checks, settings.public_url, settings.service_key, clock)
    )
    return app
