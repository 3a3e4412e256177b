"""Kept samples: each event as it once went over the wire. Never edited when a definition changes: a sample that
can no longer be read means that messages on the topics cannot either, so the change needs a new type."""

import json
from pathlib import Path
from typing import Any

from accounting_link.chassis.messages import Delivery, Place
from accounting_link.contracts.catalog import EVENTS
from accounting_link.contracts.event import Event

FOLDER = Path(__file__).with_name("samples")
NAMES = {event.__name__: event for event in EVENTS}


class Sample:
    def __init__(self, event: type[Event]) -> None:
        version = event.TYPE.rpartition(".")[2]
        self.kind = event
        self.path = FOLDER / f"{event.__name__}.{version}.json"
        told = json.loads(self.path.read_text())
        self.headers: dict[str, str] = told["headers"]
        self.value: dict[str, Any] = told["value"]

    def delivery(self, value: Any = None) -> Delivery:
        headers = [(name, text.encode()) for name, text in self.headers.items()]
        data = json.dumps(self.value if value is None else value).encode()
        return Delivery(place=Place("any", 0), offset=0, headers=headers, value=data)


def samples() -> list[Sample]:
    return [Sample(event) for event in EVENTS]
