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
from sync_orchestrator.api import removals as removals_views
from sync_orchestrator.api import settings as settings_views
from sync_orchestrator.api import syncs as syncs_views
from sync_orchestrator.api.followers import Followers
from sync_orchestrator.api.parts import KEY, Parts
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
    app = web.create(
        "sync-orchestrator",
        settings,
        [syncs_views.blueprint, settings_views.blueprint, removals_views.blueprint],
        ready={"database": lambda: mongo.answers(db)},
    )
    app.extensions[KEY] = Parts(
        syncs, desk, Removals(db, publisher, clock), rates.MongoBucket(db, "syncs", STARTS, clock), Followers()
    )
    return app


def create_app() -> Flask:
    settings = Web.from_env(os.environ)
    logs.start("sync-orchestrator", settings.web.log_level)
    db = mongo.connect(settings.mongo_uri, DATABASE)
    store.prepare(db)
    rates.prepare(db)
    return build_app(settings.web, db, SYSTEM_CLOCK)
