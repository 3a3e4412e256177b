"""What every answer says to the browser, and which forms are believed."""

from urllib.parse import urlsplit

from flask import Flask, Request, Response, request

from accounting_link.chassis.problems import ProblemError

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: under it a browser sends `Origin: null` with our own forms, as it does with a forged one.
    "Referrer-Policy": "same-origin",
}


def register(app: Flask) -> None:
    @app.before_request
    def _check() -> None:
        if request.method not in ("GET", "HEAD", "OPTIONS") and not is_own(request):
            raise ProblemError(
                403, "foreign-form", "This form was sent from another site.", "Open this page and send its own form."
            )

    @app.after_request
    def _protect(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"  # it shows an account's data
        return response


def is_own(sent: Request) -> bool:
    """Whether this page's own form sent it. What says neither where it comes from is no browser, so carries
    no cookie of somebody who did not mean it."""
    site = sent.headers.get("Sec-Fetch-Site")
    if site:
        return site in ("same-origin", "none")
    origin = sent.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == sent.host
