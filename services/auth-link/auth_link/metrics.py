"""Every metric of auth-link."""

from prometheus_client import Counter, Gauge, Histogram

SESSION_CHECKS = Counter(
    "auth_link_session_checks_total", "Requests that the gateway asked about, by what was answered.", ["outcome"]
)
CONNECTS = Counter(
    "auth_link_connects_total",
    "Returns from Xero's consent, by what came of them: connected, or the reason why not.",
    ["outcome"],
)
REFRESHES = Counter(
    "auth_link_refreshes_total",
    "Calls to Xero for a new token: renewed, lost, unavailable (to be tried again), overtaken (another was quicker).",
    ["outcome"],
)
REFRESH_SECONDS = Histogram("auth_link_refresh_seconds", "Time Xero took to answer a refresh, whatever it answered.")
TOKENS_GIVEN = Counter("auth_link_tokens_given_total", "Answers to requests for an access token.", ["outcome"])
UNFINISHED = Gauge(
    "auth_link_refreshes_unfinished", "Refreshes whose answer from Xero was lost and that wait to be finished."
)
DISCONNECTS = Counter(
    "auth_link_disconnects_total",
    "Disconnects told to Xero: deleted, dropped (connected again, or held by another account), no token, unavailable.",
    ["outcome"],
)
OWED = Gauge("auth_link_disconnects_owed", "Disconnects that Xero has not been told of yet.")
CHECKS = Counter(
    "auth_link_checks_total", "Connections looked up at Xero or refused by it, by what came of it.", ["outcome"]
)
OUTBOX = Gauge("auth_link_outbox_rows", "Events decided on and not yet given to Kafka.")
