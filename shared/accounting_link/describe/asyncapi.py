"""The AsyncAPI 3.0 document of everything on Kafka: channels from the topics, messages from the events,
operations from each service's flow."""

import inspect
from typing import Any

import msgspec
import yaml

from accounting_link.contracts.catalog import EVENTS
from accounting_link.contracts.event import Event
from accounting_link.contracts.topics import ALL_TOPICS, GENERATION, Lane, Topic
from accounting_link.describe.code import SPEAKING, Code
from accounting_link.describe.topics import events_on, reads, topics_of

Node = dict[str, Any]
_HEADERS: tuple[tuple[str, str, bool], ...] = (
    ("ce_specversion", "always 1.0", True),
    ("ce_id", "derived from type, connection, sync, attempt, ask, subject, version and reading: never random", True),
    ("ce_type", "the event's type, with its class's own name", True),
    ("ce_source", "the service that tells it", True),
    ("ce_time", "when it was told, RFC 3339", True),
    ("ce_subject", "what it is about, within its connection", False),
    ("ce_accountid", "whose it is", True),
    ("ce_connectionid", "of which connection", True),
    ("ce_syncid", "of which sync; absent where it belongs to none", False),
    ("ce_attempt", "raised when a sync is restarted from nothing", True),
    ("ce_ask", "raised each time the same attempt is asked again", True),
    ("ce_authorisation", "of the connection, raised by each consent and each disconnect", False),
    ("ce_lane", "interactive or bulk", True),
    ("ce_correlationid", "the reference a person is shown", False),
    ("ce_causationid", "the id of the event that led to this one", False),
    ("ce_reading", "of two copies of a record with equal versions, the higher was asked for later", True),
    ("content-type", "application/json", True),
    ("traceparent", "W3C trace context", False),
)


def document(code: Code) -> Node:
    spoken = [topic for topic in ALL_TOPICS if topic is not GENERATION]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Accounting Link: events",
            "version": "1",
            "description": "CloudEvents 1.0 in Kafka's binary mode. Written by `make docs` from "
            "shared/accounting_link/contracts; change the code, not this file.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.base: _channel(topic) for topic in spoken},
        "operations": {
            name: operation
            for service in SPEAKING
            for topic in spoken
            for name, operation in _operations(code, service, topic)
        },
        "components": {
            "messages": {event.__name__: _message(event) for event in EVENTS},
            "schemas": {"Headers": _headers(), **schemas()},
        },
    }


def schemas() -> Node:
    """Of every event's data, and of its parts."""
    _, components = msgspec.json.schema_components(EVENTS, ref_template="#/components/schemas/{name}")
    return dict(sorted(components.items()))


def text(code: Code) -> str:
    return yaml.safe_dump(document(code), sort_keys=False, allow_unicode=True, width=110)


def _channel(topic: Topic) -> Node:
    name = topic.name().removesuffix(Lane.BULK) + "{lane}" if topic.laned else topic.name()
    lane = {"lane": {"enum": [lane.value for lane in Lane], "description": "interactive: a person waits"}}
    retention = int(topic.retention.total_seconds() * 1000)
    return {
        "address": name,
        "description": f"Keyed by {topic.key}.",
        **({"parameters": lane} if topic.laned else {}),
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"} for event in events_on(topic)},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": {"retention.ms": retention},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations(code: Code, service: str, topic: Topic) -> list[tuple[str, Node]]:
    sent = [event for event in code.published(service) if topic in topics_of(event)]
    received = [event for event in events_on(topic) if reads(code, service, event, topic)]
    return [
        (f"{service}.{verb}.{topic.base}", _operation(verb, service, topic, events))
        for verb, events in (("send", sent), ("receive", received))
        if events
    ]


def _operation(verb: str, service: str, topic: Topic, events: list[type[Event]]) -> Node:
    channel = f"#/channels/{topic.base}"
    return {
        "action": verb,
        "channel": {"$ref": channel},
        "title": f"{service} {'tells' if verb == 'send' else 'reads'} {topic.base}",
        "messages": [{"$ref": f"{channel}/messages/{event.__name__}"} for event in events],
    }


def _message(event: type[Event]) -> Node:
    description = inspect.getdoc(event) or ""
    return {
        "name": event.TYPE,
        "title": event.__name__,
        "summary": description.split("\n\n")[0].replace("\n", " "),
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
    }


def _headers() -> Node:
    return {
        "type": "object",
        "required": [name for name, _, required in _HEADERS if required],
        "properties": {name: {"type": "string", "description": what} for name, what, _ in _HEADERS},
    }
