"""What lies on the topics, and how far a group has read: seen from outside, as nobody's member."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from accounting_link.chassis import lag
from accounting_link.chassis.messages import Delivery, Place, Received
from accounting_link.contracts.cloudevents import Message, UnreadableError
from accounting_link.contracts.records import RecordEvent
from accounting_link.contracts.topics import RECORDS, Group, Topic
from tests.faults.world import Import, World

Spans = dict[Place, tuple[int, int]]  # from an offset up to, without, another


def behind(world: World, group: Group) -> list[Received]:
    """What the group's next member is given first: all from the offsets committed now to the ends of the topics."""
    servers = world.platform.address("broker")
    with closing(lag.KafkaBroker(servers)) as broker:
        seen = broker.look([group])
    return list(_readable(_read(servers, {
        place: (lag.next_to_read(seen, group, place), seen.ends[place]) for place in lag.places_of(seen, group)
    })))  # fmt: skip


def told_of(run: Import, topic: Topic) -> list[Received]:
    """Everything of this sync, or of its connection, that lies on a topic."""
    servers = run.world.platform.address("broker")
    with closing(lag.KafkaBroker(servers)) as broker:
        seen = broker.look([Group(name="nobody", topics=topic.names())])
    spans = {place: (seen.oldest[place], end) for place, end in seen.ends.items() if place.topic in topic.names()}
    return [
        one
        for one in _readable(_read(servers, spans))
        if one.scope.connection_id == run.connection_id and one.scope.sync_id in ("", run.sync_id)
    ]


def records_told(run: Import) -> Counter[str]:
    """How often each was; reading by keyset may tell the last of a page twice in any case."""
    return Counter(one.event.subject() for one in told_of(run, RECORDS) if isinstance(one.event, RecordEvent))


def put(world: World, message: Message) -> None:
    """By hand, whatever it is."""
    with closing(KafkaProducer(bootstrap_servers=world.platform.address("broker"))) as producer:
        producer.send(
            message.topic, key=message.key.encode(), value=message.value, headers=message.headers,
            partition=message.partition,
        ).get(timeout=60)  # fmt: skip


def _read(servers: str, spans: Spans) -> Iterator[Delivery]:
    left = {place: span for place, span in spans.items() if span[0] < span[1]}
    with closing(KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)) as reader:
        reader.assign([TopicPartition(*place) for place in left])
        for place, (start, _) in left.items():
            reader.seek(TopicPartition(*place), start)
        while left:
            for records in reader.poll(timeout_ms=5000).values():
                for record in records:
                    place = Place(record.topic, record.partition)
                    if place in left and record.offset < left[place][1]:
                        yield Delivery(place=place, offset=record.offset, headers=record.headers, value=record.value)
                    if place in left and record.offset >= left[place][1] - 1:
                        del left[place]


def _readable(deliveries: Iterable[Delivery]) -> Iterator[Received]:
    for delivery in deliveries:
        try:
            yield delivery.read()
        except UnreadableError:
            continue
