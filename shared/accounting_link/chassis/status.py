"""What a worker tells the platform: /healthz (its loop turns), /readyz, /metrics. (Web services: web.py.)"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

Check = Callable[[], bool]


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """A probe every few seconds is no news."""


@contextmanager
def page(bind: str, *, live: Check, ready: Check) -> Iterator[None]:
    """Serves in a thread of its own, so that a slow batch cannot make a healthy worker look dead."""
    metrics = make_wsgi_app()

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        checks = {"/healthz": live, "/readyz": ready}
        check = checks.get(environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start_response)
        if check is None:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        fine = check()
        start_response("200 OK" if fine else "503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"ok\n" if fine else b"no\n"]

    host, _, port = bind.rpartition(":")
    server = make_server(host, int(port), app, ThreadingWSGIServer, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="status", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
