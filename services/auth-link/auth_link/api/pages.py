"""The CRM's own pages that people are led to when they come back from Xero."""

from urllib.parse import urlencode

from flask import Request, Response

CONNECTED, NOT_CONNECTED = "/accounting-link/connected", "/accounting-link/not-connected"


def led_to(page: str, **query: str) -> Response:
    """``page``: the whole address."""
    response = Response(status=303, headers={"Location": f"{page}?{urlencode(query)}"})
    response.headers["Cache-Control"] = "no-store"
    # The address that the browser comes from holds the code.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def is_looked_at(asked: Request) -> bool:
    """By a person in a browser, who can do nothing with a problem detail."""
    kinds = ["application/problem+json", "text/html"]
    return asked.accept_mimetypes.best_match(kinds) == "text/html"
