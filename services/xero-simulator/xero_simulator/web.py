"""Xero over HTTP: identity, connections and the accounting API, each route a thin skin over the core."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from errno import ECONNRESET
from typing import Any

from flask import Flask, Response, request

from xero_simulator import control, pages, postman
from xero_simulator.accounting import NOT_FOUND, Answer
from xero_simulator.identity import Identity, OAuthError
from xero_simulator.journal import Journal
from xero_simulator.settings import Settings
from xero_simulator.simulator import Simulator, bearer_of


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def create_app(env: Mapping[str, str] | None = None) -> Flask:
    """The whole simulator, for gunicorn with one process and many threads. Seeds the demo's organisations once."""
    settings = Settings.from_env(os.environ if env is None else env)
    journal = Journal(settings.data / "journal-2.jsonl") if settings.data else None
    simulator = Simulator(SystemClock(), settings=settings, journal=journal, pause=time.sleep)
    simulator.seed_demo()
    if settings.webhook_url and simulator.webhooks.status == "none":
        simulator.subscribe({"url": settings.webhook_url, "key": settings.webhook_key})
    postman.start(simulator)
    return app_of(simulator)


def app_of(simulator: Simulator) -> Flask:
    """The HTTP layer over a simulator that exists already."""
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _routes(app, simulator)
    app.register_blueprint(control.blueprint(simulator))
    app.register_blueprint(pages.blueprint(simulator))
    app.wsgi_app = _own_date(app.wsgi_app)  # type: ignore[method-assign]
    return app


def response_of(answer: Answer) -> Response:
    """The answer on the wire; a broken one ends before its Content-Length is reached, or before it begins."""
    if answer.broken:
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        return Response(_until_broken(answer), answer.status, headers)
    return Response(answer.body, answer.status, answer.headers)


def _until_broken(answer: Answer) -> Iterator[bytes]:
    if answer.broken == "reset":
        yield answer.body[: len(answer.body) // 2]
    # gunicorn closes the connection and logs nothing when a response ends in this error
    raise ConnectionResetError(ECONNRESET, "cut, as a rule of the simulator asks")


def _own_date(app: Callable[..., Any]) -> Callable[..., Any]:
    """Let the simulator's Date stand, whose clock can be moved: gunicorn drops it and writes its own."""

    def serve(environ: Mapping[str, Any], start_response: Any) -> Any:
        server: Any = getattr(start_response, "__self__", None)
        usual = getattr(server, "default_headers", None)
        if usual is None:
            return app(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            own = dict(headers).get("Date")
            if own:
                server.default_headers = lambda: [
                    f"Date: {own}\r\n" if line.startswith("Date:") else line for line in usual()
                ]
            return start_response(status, headers, *error)

        return app(environ, start)

    return serve


def _routes(app: Flask, simulator: Simulator) -> None:
    def issuer() -> str:
        return request.host_url.rstrip("/")

    def client() -> tuple[str, str] | None:
        given = request.authorization
        return (given.username or "", given.password or "") if given and given.type == "basic" else None

    def caller(identity: Identity) -> str:
        user: str = identity.grant_of(bearer_of(request.headers.get("Authorization", "")))["user"]
        return user

    @app.route("/api.xro/2.0/<path:path>", methods=["GET", "PUT", "POST", "DELETE"])
    def accounting(path: str) -> Response:
        tenant = request.headers.get("xero-tenant-id", "")
        query, headers = request.args.to_dict(), dict(request.headers)
        return response_of(simulator.call(tenant, f"/{path}", query, headers, request.method, request.get_data()))

    @app.post("/connect/token")
    def token() -> Response:
        form = request.form.to_dict()
        answer = simulator.call_identity("/connect/token", lambda i: i.token(form, client(), issuer()), "POST")
        return response_of(answer)

    @app.post("/connect/revocation")
    def revocation() -> Response:
        form = request.form.to_dict()
        return response_of(simulator.call_identity("/connect/revocation", lambda i: i.revoke(form, client()), "POST"))

    @app.get("/Connections")
    @app.get("/connections")
    def connections() -> Response:
        event = request.args.get("authEventId")
        return response_of(simulator.call_identity("/connections", lambda i: simulator.connections(caller(i), event)))

    @app.delete("/Connections/<key>")
    @app.delete("/connections/<key>")
    def disconnect(key: str) -> Response:
        def remove(identity: Identity) -> None:
            if not identity.disconnect(caller(identity), key):
                raise OAuthError("not_found", status=404)

        answer = simulator.call_identity(f"/connections/{key}", remove, "DELETE", good=204)
        return response_of(NOT_FOUND if answer.status == 404 else answer)

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return response_of(
            simulator.call_identity("/.well-known/openid-configuration", lambda i: i.discovery(issuer()))
        )

    @app.get("/.well-known/openid-configuration/jwks")
    def jwks() -> Response:
        return response_of(simulator.call_identity("/.well-known/openid-configuration/jwks", Identity.jwks))

    @app.get("/healthz")
    @app.get("/readyz")
    def health() -> dict[str, str]:
        return {"status": "ok"}
