"""The way to Xero's consent and back."""

from urllib.parse import urlencode

from flask import Response
from flask_smorest import Blueprint

from accounting_link.chassis import rates
from accounting_link.chassis.callers import ADMIN
from accounting_link.chassis.web import allowed, caller, reference
from auth_link import metrics
from auth_link.api.schemas import AuthorizeSchema, CallbackQuery
from auth_link.consent import Answer, NotConnectedError
from auth_link.parts import Parts

CONNECTED_PAGE, NOT_CONNECTED_PAGE = "/accounting-link/connected", "/accounting-link/not-connected"


def blueprint(parts: Parts, public_url: str) -> Blueprint:
    blp = Blueprint("consents", __name__, url_prefix="/api/v1", description="Connecting, by a consent at Xero.")

    @blp.post("/connections/authorize")
    @blp.response(200, AuthorizeSchema)
    @allowed(ADMIN)
    def authorize() -> dict[str, str]:
        """Begin connecting: where to send the person's browser. Good once and for ten minutes."""
        rates.take(parts.begins, caller().account_id)
        return {"authorize_url": parts.consents.begin(caller())}

    @blp.get("/oauth/xero/callback")
    @blp.arguments(CallbackQuery, location="query")
    @blp.response(303, description="To the page that says: connected, or why not.")
    @allowed(ADMIN)
    def callback(query: dict[str, str]) -> Response:
        """Where Xero sends the browser after consent."""
        try:
            made = parts.consents.finish(caller(), Answer(**query), reference())
        except NotConnectedError as error:
            metrics.CONNECTS.labels(error.reason).inc()
            return _to(public_url + NOT_CONNECTED_PAGE, reason=error.reason)
        metrics.CONNECTS.labels("connected").inc()
        count = {"count": str(len(made))} if len(made) > 1 else {}
        return _to(public_url + CONNECTED_PAGE, connection=made[0], **count)

    return blp


def _to(page: str, **query: str) -> Response:
    response = Response(status=303, headers={"Location": f"{page}?{urlencode(query)}"})
    response.headers["Cache-Control"] = "no-store"
    # The address that the browser comes from holds the code.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
