"""What a Xero can do to whoever reads it: each a rule of the simulator's, and what is told when it never ends."""

from typing import Any, NamedTuple


class Fault(NamedTuple):
    """``passing``: how often it strikes where it passes. ``told``: a part of the reason when it never does, empty where
    everything arrives all the same."""

    name: str
    rule: dict[str, Any]
    passing: int
    told: str

    def __str__(self) -> str:
        return self.name


def _answers(status: int, body: str = "") -> dict[str, Any]:
    return {"kind": "answer", "status": status, "body": body}


_HTML = "<html><body><h1>503 Service Unavailable</h1></body></html>"

FAULTS = (
    Fault("slow", {"kind": "latency", "seconds": 9.0}, 3, ""),
    Fault("timeout", {"kind": "latency", "seconds": 50.0}, 3, "in time"),
    Fault("no answer", {"kind": "hang", "seconds": 0.0}, 3, "does not answer"),
    Fault("500", {"kind": "status", "status": 500}, 3, "Xero answers 500"),
    Fault("503 with a page of HTML", _answers(503, _HTML), 3, "Xero answers 503"),
    Fault("200 with a page of HTML", _answers(200, _HTML), 3, "cannot be read"),
    Fault("an empty body", _answers(200), 3, "cannot be read"),
    Fault("reset in mid-body", {"kind": "reset"}, 3, "does not answer"),
    Fault("malformed JSON", {"kind": "malformed"}, 3, "cannot be read"),
    Fault("half a gzip", {"kind": "cut_gzip"}, 3, ""),
    Fault("304 that nobody asked for", _answers(304), 3, "nothing"),
    Fault("a page repeated", {"kind": "repeat"}, 2, ""),
    Fault("429 storm", {"kind": "throttle", "retry_after": 5}, 30, ""),
    Fault("token death", {"kind": "token_death"}, 2, "did not accept the token"),
)
