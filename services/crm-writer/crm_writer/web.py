"""crm-writer's web service: what the CRM holds, and what people ask of it, for the caller's account."""

import os
from collections.abc import Callable

from flask import Flask

from accounting_link.chassis import logs, mongo, rates, web
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.outbox import StoredOnly
from accounting_link.chassis.web import WebSettings
from crm_writer import store
from crm_writer.api import companies, contacts, exports, organisations, records, transactions
from crm_writer.own import Own
from crm_writer.settings import DATABASE, PageSettings

NAME = "crm-writer"
BLUEPRINTS = (
    companies.blueprint,
    contacts.blueprint,
    transactions.blueprint,
    records.blueprint,
    organisations.blueprint,
    exports.blueprint,
)
# Of one account, contacts made and sent to Xero together: each sent is some calls of the organisation's day there.
WISHES = rates.Rate(at_once=60, a_minute=60)


def build_app(settings: WebSettings, db: mongo.Db, clock: Clock, own: Callable[[mongo.Db, str], Own] = Own) -> Flask:
    app = web.create(NAME, settings, BLUEPRINTS, ready={"database": lambda: mongo.answers(db)})
    app.extensions["crm"] = lambda account_id: own(db, account_id)
    # What is said here waits in the outbox for the worker's relay.
    app.extensions["records"] = store.MongoRecords(db, Publisher(StoredOnly(), source=f"/{NAME}", clock=clock))
    app.extensions["wishes"] = rates.MongoBucket(db, "wishes", WISHES, clock)
    app.extensions["clock"] = clock
    return app


def create_app() -> Flask:
    """For gunicorn. The database connection lives as long as the process."""
    settings = PageSettings.from_env(os.environ)
    logs.start(NAME, settings.web.log_level)
    db = mongo.connect(settings.mongo_uri, DATABASE)
    store.prepare(db)
    rates.prepare(db)
    return build_app(settings.web, db, SYSTEM_CLOCK)
