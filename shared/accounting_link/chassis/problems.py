"""Every error over HTTP is a problem detail (RFC 9457): what happened, what to do, and a reference for support."""

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, json
from werkzeug.exceptions import HTTPException

from accounting_link.chassis import logs

log = logs.logger()


# What the framework itself refuses: slug, what, what to do.
_PLAIN = {
    404: ("not-found", "There is nothing at this address.", "Check the address."),
    405: ("wrong-method", "This address does not know this method.", "The API page tells what it knows."),
    413: ("too-large", "The request is larger than 1 MB.", "Send less."),
}


class ProblemError(Exception):
    """Raise it from anywhere below a view. ``slug`` becomes the problem's type, a relative URI under /api/problems.
    ``retry_after``, in seconds, is told in its header too."""

    def __init__(self, status: int, slug: str, what: str, do: str = "", **more: Any) -> None:
        super().__init__(what)
        self.status, self.slug, self.what, self.do, self.more = status, slug, what, do, more


def not_found(what: str) -> ProblemError:
    return ProblemError(404, "not-found", f"There is no such {what}.", "Check the id; it may be another account's.")


def answer(status: int, slug: str, what: str, do: str = "", **more: Any) -> Response:
    body = {
        "type": f"/api/problems/{slug}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": what,
        **({"do": do} if do else {}),
        "reference": g.get("reference", ""),
        **more,
    }
    return Response(json.dumps(body), status, content_type="application/problem+json")


def register(app: Flask) -> None:
    @app.errorhandler(ProblemError)
    def _problem(error: ProblemError) -> Response:
        response = answer(error.status, error.slug, error.what, error.do, **error.more)
        if "retry_after" in error.more:
            response.headers["Retry-After"] = str(error.more["retry_after"])
        return response

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or 500
        invalid = getattr(error, "data", {}) or {}
        fields = invalid.get("messages") if isinstance(invalid, dict) else None
        if fields:
            return answer(status, "invalid", "Some of this is not valid.", "Mend the fields named.", fields=fields)
        slug, what, do = _PLAIN.get(status, ("refused", error.description or HTTPStatus(status).phrase, ""))
        response = answer(status, slug, what, do)
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                response.headers[name] = value
        return response

    @app.errorhandler(RecursionError)
    @app.errorhandler(UnicodeError)
    def _unreadable(error: Exception) -> Response:
        """JSON nested thousands of levels deep, or half a surrogate pair: valid as JSON, and nothing that we keep."""
        log.warning("a request that cannot be read", error=type(error).__name__)
        return answer(400, "refused", "This cannot be read as text.", "Send plain text, and JSON of few levels.")

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        log.error("unexpected error", exc_info=error)
        return answer(
            500,
            "unexpected",
            "Something broke on our side.",
            "Try again; if it stays, tell support the reference.",
        )
