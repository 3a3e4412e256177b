"""log-service's web side: the logs, for people."""

import os

from flask import Flask

from accounting_link.chassis import logs, mongo, web
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.web import WebSettings
from log_service import store
from log_service.api import database, dead_letters, people, sales, sync_logs
from log_service.main import DATABASE, NAME
from log_service.settings import ApiSettings


def build_app(settings: WebSettings, db: Db, clock: Clock = SYSTEM_CLOCK) -> Flask:
    blueprints = (sync_logs.blueprint, sales.blueprint, dead_letters.blueprint, people.blueprint(clock))
    app = web.create(NAME, settings, blueprints, ready={"mongodb": lambda: mongo.answers(db)})
    app.extensions[database.KEY] = db
    return app


def create_app() -> Flask:
    """For gunicorn. The database connection lives as long as the process."""
    settings = ApiSettings.from_env(os.environ)
    logs.start(NAME, settings.web.log_level)
    db = mongo.connect(settings.mongo_uri, DATABASE)
    store.prepare(db)
    return build_app(settings.web, db)
