"""The way to Xero's consent and back."""

from flask import Response, request
from flask_smorest import Blueprint

from accounting_link.chassis import rates
from accounting_link.chassis.callers import ADMIN
from accounting_link.chassis.web import allowed, caller, reference
from auth_link import metrics
from auth_link.api import pages
from auth_link.api.schemas import AuthorizeSchema, CallbackQuery
from auth_link.consent import NOT_ALLOWED, Answer, NotConnectedError
from auth_link.parts import Parts


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
    @allowed(ADMIN)
    @blp.arguments(CallbackQuery, location="query")
    @blp.response(303, description="To the page that says: connected, or why not.")
    def callback(query: dict[str, str]) -> Response:
        """Where Xero sends the browser after consent."""
        try:
            made = parts.consents.finish(caller(), Answer(**query), reference())
        except NotConnectedError as error:
            return not_connected(error.reason)
        metrics.CONNECTS.labels("connected").inc()
        count = {"count": str(len(made))} if len(made) > 1 else {}
        return pages.led_to(public_url + pages.CONNECTED, connection=made[0], **count)

    @blp.after_request
    def _as_page(response: Response) -> Response:
        """Whoever comes back from Xero under a role that may not connect."""
        refused = request.endpoint == f"{blp.name}.callback" and response.status_code == 403
        return not_connected(NOT_ALLOWED) if refused and pages.is_looked_at(request) else response

    def not_connected(reason: str) -> Response:
        metrics.CONNECTS.labels(reason).inc()
        return pages.led_to(public_url + pages.NOT_CONNECTED, reason=reason)

    return blp
