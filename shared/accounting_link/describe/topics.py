"""Every topic, who speaks on it and who listens."""

from accounting_link.contracts.catalog import EVENTS
from accounting_link.contracts.event import Event
from accounting_link.contracts.topics import ALL_GROUPS, ALL_TOPICS, Topic
from accounting_link.describe.code import SPEAKING, Code, topics_read_by

TITLE = """# Topics

From `shared/accounting_link/contracts/topics.py`. Written by `make docs`; change the code, not this page.
A topic with lanes is two: `....interactive` and `....bulk`. Partition counts are never changed in place.
"""


def topics_of(event: type[Event]) -> tuple[Topic, ...]:
    """The topic of its own, and for an end mark that of the records it ends."""
    marks: Topic | None = getattr(event, "MARKS", None)
    return (event.TOPIC, marks) if marks else (event.TOPIC,)


def events_on(topic: Topic) -> list[type[Event]]:
    return [event for event in EVENTS if topic in topics_of(event)]


def text(code: Code) -> str:
    return "\n".join([TITLE, _topics(), _events(code), _groups()])


def _topics() -> str:
    rows = "".join(
        f"| `{topic.name() if not topic.laned else topic.name().rpartition('.')[0] + '.{lane}'}` | {topic.key} "
        f"| {topic.partitions} | {topic.retention.days} days |\n"
        for topic in ALL_TOPICS
    )
    return f"| topic | key | partitions | kept for |\n|---|---|---|---|\n{rows}"


def _events(code: Code) -> str:
    rows = "".join(
        f"| `{event.__name__}` | {', '.join(topic.base for topic in topics_of(event))} "
        f"| {_who(code, event, told=True)} | {_who(code, event, told=False)} |\n"
        for event in EVENTS
    )
    return f"## Events\n\n| event | on | told by | read by |\n|---|---|---|---|\n{rows}"


def _who(code: Code, event: type[Event], *, told: bool) -> str:
    events_of = code.published if told else code.consumed
    return ", ".join(service for service in SPEAKING if event in events_of(service))


def reads(code: Code, service: str, event: type[Event], topic: Topic) -> bool:
    """Does the service read this event from this topic?"""
    return event in code.consumed(service) and bool(topics_read_by(service).intersection(topic.names()))


def _groups() -> str:
    rows = "".join(
        f"| `{group.name}` | {', '.join(f'`{topic}`' for topic in group.topics)} |\n" for group in ALL_GROUPS
    )
    return f"## Consumer groups\n\n| group | reads |\n|---|---|\n{rows}"
