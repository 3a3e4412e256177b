"""A real MongoDB and a real broker for tests: containers when a container engine answers, local processes otherwise.

Whoever uses it sees two addresses and cannot tell which it was.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from pymongo import MongoClient


class RealParts(NamedTuple):
    mongo_uri: str
    kafka_brokers: str
    embedded: bool  # the broker that forgets everything


def container_engine_answers() -> bool:
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    try:
        return bool(docker.from_env(timeout=2).ping())
    except DockerException:
        return False


@contextmanager
def real_parts(local: Callable[[], AbstractContextManager[RealParts]]) -> Iterator[RealParts]:
    """``local`` starts the same two parts as processes."""
    with containers() if container_engine_answers() else local() as parts:
        yield parts


@contextmanager
def containers() -> Iterator[RealParts]:
    from testcontainers.community.kafka import KafkaContainer
    from testcontainers.community.mongodb import MongoDbContainer

    mongo = MongoDbContainer("mongo:7.0").with_command("--replSet rs0 --bind_ip_all")
    with mongo, KafkaContainer("confluentinc/cp-kafka:7.8.0").with_kraft() as broker:
        host, port = mongo.get_container_host_ip(), mongo.get_exposed_port(27017)
        client: MongoClient[dict[str, object]] = MongoClient(host, int(port), directConnection=True)
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:27017"}]})
        client.close()
        uri = f"mongodb://{host}:{port}/?directConnection=true"
        yield RealParts(uri, broker.get_bootstrap_server(), embedded=False)
