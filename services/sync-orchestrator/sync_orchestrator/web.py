"""sync-orchestrator's web service: settings, syncs, progress."""

import os

from flask import Flask

from accounting_link.chassis import logs, mongo, rates, topics, web
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.outbox import StoredOnly
from accounting_link.chassis.web import WebSettings
from sync_orchestrator import store
from sync_orchestrator.api import views
from sync_orchestrator.desk import Desk
from sync_orchestrator.main import DATABASE
from sync_orchestrator.removals import Removals
from sync_orchestrator.settings import Web

# Of one account: more is a program gone wrong, for a sync that has not begun is joined and not started again.
STARTS = rates.Rate(at_once=60, a_minute=60)


def build_app(settings: WebSettings, db: Db, clock: Clock) -> Flask:
    platform = db.client.get_database(topics.PLATFORM)
    # What is said here waits in the outbox for the worker's relay.
    publisher = Publisher(StoredOnly(), source="/sync-orchestrator", clock=clock)
    syncs = store.Store(db, publisher)
    desk = Desk(syncs, lambda: topics.generation(platform), clock)
    return web.create(
        "sync-orchestrator",
        settings,
        [
            views.syncs(syncs, desk, rates.MongoBucket(db, "syncs", STARTS, clock)),
            views.settings(syncs, desk),
            views.removals(Removals(db, publisher, clock)),
        ],
        ready={"database": lambda: mongo.answers(db)},
    )


def create_app() -> Flask:
    settings = Web.from_env(os.environ)
    logs.start("sync-orchestrator", settings.web.log_level)
    db = mongo.connect(settings.mongo_uri, DATABASE)
    store.prepare(db)
    rates.prepare(db)
    return build_app(settings.web, db, SYSTEM_CLOCK)
