"""xero-adapter's worker, one a lane: requests in, Xero's records out."""

import os
import random
import sys
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlsplit

from accounting_link.chassis import kafka, logs, mongo, status
from accounting_link.chassis.clock import SYSTEM_CLOCK, Clock
from accounting_link.chassis.dead_letters import DeadLetters
from accounting_link.chassis.env import SettingsError
from accounting_link.chassis.faults import FaultPoint
from accounting_link.chassis.messages import Publisher
from accounting_link.chassis.shutdown import asked_to_stop
from accounting_link.chassis.task_worker import TaskWorker
from accounting_link.contracts.topics import XERO_ADAPTER
from xero_adapter import store
from xero_adapter.caller import Caller
from xero_adapter.handlers import Requests
from xero_adapter.jobs import Tools
from xero_adapter.planning.app_limit import Drawn
from xero_adapter.planning.permits import CALL_DEADLINE, Ledger
from xero_adapter.pool import Pool
from xero_adapter.settings import Settings
from xero_adapter.xero.client import HttpXero
from xero_adapter.xero.tokens import HttpAuthLink, Tokens

log = logs.logger()

DATABASE = "xero_adapter"
_WAIT = timedelta(milliseconds=100)
_AT_MOST = 100


def build(settings: Settings, clock: Clock, exits: ExitStack) -> tuple[TaskWorker, Pool]:
    """Every part of xero-adapter and how the parts meet. To learn the service, start here."""
    db = exits.enter_context(mongo.database(settings.mongo_uri, DATABASE))
    store.prepare(db)
    publisher = Publisher(
        exits.enter_context(kafka.transport(settings.kafka_brokers)), source="/xero-adapter", clock=clock
    )
    consumer = exits.enter_context(
        kafka.consumer(
            settings.kafka_brokers,
            XERO_ADAPTER[settings.lane],
            session_timeout=settings.session_timeout,
            at_most=_AT_MOST,
        )
    )
    tools = Tools(
        caller=Caller(
            HttpXero(settings.xero_api_url, CALL_DEADLINE, clock),
            Tokens(HttpAuthLink(settings.auth_link_url, settings.auth_link_service_key), clock),
            store.MongoShared(db.permits, Ledger),
            store.MongoShared(db.app_permits, Drawn),
            settings.limits,
            clock,
        ),
        checkpoints=store.MongoCheckpoints(db, clock),
        publisher=publisher,
        dead=DeadLetters(publisher, consumer="xero-adapter", clock=clock),
        clock=clock,
        jitter=random.random,
        faults=FaultPoint.from_env(os.environ),
        organisations=store.MongoShared(db.organisations, store.Known),
    )
    pool = Pool(clock, settings.threads)
    return TaskWorker(consumer, Requests(tools, pool), wait=_WAIT, clock=clock), pool


def main() -> int:
    logs.start("xero-adapter")
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        log.error("not started", problem=str(error))
        return 1
    logs.start("xero-adapter", settings.log_level)
    _allow_plain_http_here(settings.xero_api_url)
    stop = asked_to_stop()
    with ExitStack() as exits:
        worker, pool = build(settings, SYSTEM_CLOCK, exits)
        exits.enter_context(status.page(settings.status_bind, live=worker.is_turning, ready=worker.is_assigned))
        pool.start()
        exits.callback(pool.close)
        log.info("started", lane=settings.lane)
        worker.run(stop)
    log.info("stopped")
    return 0


def _allow_plain_http_here(url: str) -> None:
    # oauthlib sends no token over plain HTTP; on this machine itself (the simulator) nobody listens in.
    if urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


if __name__ == "__main__":
    sys.exit(main())
