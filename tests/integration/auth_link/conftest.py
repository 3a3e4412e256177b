"""A real MongoDB, a one-node replica set, and a world for each test on a database of its own."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import parts
from deploy.local.state import free_port
from tests.integration.auth_link.world import World, a_world


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("mongod")
    address = f"127.0.0.1:{free_port(set())}"
    command = (parts.find_mongod(), "--dbpath", str(folder), "--port", address.partition(":")[2], "--bind_ip")
    more = ("127.0.0.1", "--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.5", "--quiet")
    with subprocess.Popen([*command, *more], stdout=subprocess.DEVNULL) as mongod:
        try:
            pause = threading.Event()
            assert any(parts.is_primary(address) or pause.wait(0.1) for _ in range(300)), "mongod did not start"
            yield parts.mongo_uri(address)
        finally:
            mongod.kill()


@pytest.fixture
def world(mongo_uri: str) -> Iterator[World]:
    with a_world(mongo_uri, os.environ) as made:
        yield made
