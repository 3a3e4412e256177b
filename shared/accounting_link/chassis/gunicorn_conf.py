"""gunicorn as every web service runs it: ``gunicorn --config python:accounting_link.chassis.gunicorn_conf APP``."""

import os

from prometheus_client import multiprocess

from accounting_link.chassis import logs

bind = os.environ.get("BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_WORKERS", "1"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "32"))  # a page that follows a sync holds one
graceful_timeout = 10
timeout = 60
keepalive = 75
# The gateway bounds all of a request's headers at 32 KB; what it lets through is not to be refused by a page in HTML.
limit_request_field_size, limit_request_fields = 40_000, 1000
control_socket_disable = True  # its socket would be one for all masters of this user
accesslog = None  # web.py logs each answer itself, with its reference
logconfig_dict = logs.config(os.environ.get("LOG_LEVEL", "INFO"))


def child_exit(server: object, worker: object) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[attr-defined]
