"""A web service of ours: a Flask app with problem details, checked callers, metrics and an OpenAPI document.

What stands under ``/api/v1`` needs a caller, unless its blueprint is named in ``open_to``; who is asking is
``caller()``. Health and metrics stand outside it and are never routed by the gateway.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote
from uuid import uuid4

import marshmallow as ma
import structlog
from flask import Flask, Response, g, request
from flask_smorest import Api, Blueprint
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest, multiprocess
from werkzeug.middleware.proxy_fix import ProxyFix

from accounting_link.chassis import callers, env, logs, problems
from accounting_link.chassis.callers import Caller
from accounting_link.chassis.problems import ProblemError

log = logs.logger()
P = ParamSpec("P")
R = TypeVar("R")

SECONDS = Histogram(
    "http_request_seconds", "Time to answer a request, by route and status.", ["method", "route", "status"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """What every web service is told."""

    caller_key: str
    log_level: str

    @classmethod
    def read(cls, read: env.Reader) -> "WebSettings":
        return cls(
            caller_key=read.secret("CALLER_KEY", "signs who is asking between auth-link and services", at_least=32),
            log_level=read.choice(
                "LOG_LEVEL", "least severe log line", among=("DEBUG", "INFO", "WARNING"), default="INFO"
            ),
        )


def create(
    name: str, settings: WebSettings, blueprints: Sequence[Blueprint], *, ready: Mapping[str, Callable[[], bool]]
) -> Flask:
    """``ready`` names what must answer before this service can: its database, its broker."""
    app = Flask(name)
    app.config.update(
        API_TITLE=name,
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=1_000_000,
        CALLER_KEY=settings.caller_key,
    )
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    _register_requests(app)
    _register_health(app, ready)
    api = Api(app)
    # Money travels as text, so that nobody reads it as a binary float; a number is what the library would say.
    api.register_field(ma.fields.Decimal, "string", "decimal")
    # After Api, which brings an error handler of its own that is no problem detail.
    problems.register(app)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    app.extensions["openapi"] = api.spec
    return app


def caller() -> Caller:
    """Who is asking. Raises the 401 problem when nobody is."""
    if "caller" not in g:
        from flask import current_app

        try:
            known = callers.check(request.headers.get(callers.HEADER), current_app.config["CALLER_KEY"])
            g.caller = replace(known, address=request.remote_addr or "")
        except callers.RefusedError as error:
            raise ProblemError(401, "not-signed-in", "You are not signed in.", "Sign in, then try again.") from error
    found: Caller = g.caller
    return found


def allowed(*roles: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Marks a view with who may call it. A view under /api/v1 without this mark fails a test."""

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if not caller().may(roles):
                raise ProblemError(
                    403, "not-allowed", "Your role does not allow this.", "Ask an administrator of your account."
                )
            return view(*args, **kwargs)

        checked.allowed = frozenset(roles)  # type: ignore[attr-defined]
        return checked

    return mark


def reference() -> str:
    """The id of this request, told in every error and put on everything that follows from it."""
    return str(g.reference)


def _register_requests(app: Flask) -> None:
    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()
        g.reference = request.headers.get("X-Request-Id") or uuid4().hex
        structlog.contextvars.bind_contextvars(reference=g.reference)

    @app.before_request
    def _mend() -> Response | None:
        return _without_slash(app)

    @app.after_request
    def _end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        took = time.perf_counter() - g.began
        SECONDS.labels(request.method, route, response.status_code).observe(took)
        response.headers["X-Request-Id"] = g.reference
        if route.startswith("/api/"):  # an account's data: for who asked, and asked for again each time
            response.headers.setdefault("Cache-Control", "private, no-cache")
        if route not in ("/healthz", "/readyz", "/metrics"):
            log.info(
                "answered", method=request.method, route=route, status=response.status_code, ms=round(took * 1000, 1)
            )
        return response


def _without_slash(app: Flask) -> Response | None:
    """An address with a slash too many leads to the one without, where there is one."""
    path = request.path.rstrip("/")
    if request.url_rule or not path or path == request.path or path.startswith("//"):
        return None
    if not app.create_url_adapter(request).test(path, method=request.method):  # type: ignore[union-attr]
        return None
    query = request.query_string.decode("latin-1")
    return Response(status=308, headers={"Location": quote(path) + (f"?{query}" if query else "")})


def _register_health(app: Flask, ready: Mapping[str, Callable[[], bool]]) -> None:
    @app.get("/healthz")
    def healthz() -> tuple[str, int]:
        return "ok\n", 200

    @app.get("/readyz")
    def readyz() -> tuple[dict[str, Any], int]:
        found = {part: check() for part, check in ready.items()}
        return found, 200 if all(found.values()) else 503

    @app.get("/metrics")
    def metrics() -> Response:
        # A registry of its own each time: the samples are in files that all of gunicorn's processes write.
        registry = CollectorRegistry(support_collectors_without_names=True)
        multiprocess.MultiProcessCollector(registry)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
