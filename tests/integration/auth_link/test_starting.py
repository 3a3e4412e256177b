"""auth-link's processes, started as they are, with keys that cannot read what is stored, or none at all."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from accounting_link.chassis import mongo
from auth_link.vault import Vault, check
from deploy.local.parts import is_ok
from tests.integration.auth_link.world import environment
from tests.ports import free_port

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]

WEB = ("gunicorn", "--config", "python:accounting_link.chassis.gunicorn_conf", "auth_link.web:create_app()")
PROCESSES = {"web": WEB, "worker": ("auth_link.main",), "rotate": ("auth_link.rotate",)}
each_process = pytest.mark.parametrize("process", PROCESSES)


@pytest.fixture
def environ(mongo_uri: str, kafka_brokers: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """With the right keys for what is stored."""
    told = environment("http://127.0.0.1:1", mongo_uri)
    address = f"127.0.0.1:{free_port()}"
    own = {"KAFKA_BROKERS": kafka_brokers, "BIND": address, "STATUS_BIND": address}
    with mongo.database(mongo_uri, "auth_link") as db:
        check(db, Vault([told["VAULT_KEYS"]]))
        yield {**os.environ, **told, **own, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        db.client.drop_database("auth_link")


@contextmanager
def running(process: str, environ: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = (sys.executable, "-m", *PROCESSES[process])
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as made:
        try:
            yield made
        finally:
            made.terminate()


def ended(process: str, environ: dict[str, str]) -> tuple[int, str]:
    """Its exit and all that it said."""
    with running(process, environ) as made:
        said, _ = made.communicate(timeout=60)
    return made.returncode, said


@each_process
def test_with_other_keys_a_process_ends_and_says_what_to_do(process: str, environ: dict[str, str]) -> None:
    code, said = ended(process, {**environ, "VAULT_KEYS": Fernet.generate_key().decode()})

    assert code not in (0, None)
    assert "put back the key that was in use before" in said


@each_process
@pytest.mark.parametrize(
    ("keys", "why"), [("", "VAULT_KEYS is not set"), ("a password", "VAULT_KEYS: key 1 of 1 is no Fernet key")]
)
def test_without_keys_or_with_what_is_none_a_process_ends_and_names_the_setting(
    process: str, keys: str, why: str, environ: dict[str, str]
) -> None:
    code, said = ended(process, {**environ, "VAULT_KEYS": keys})

    assert code not in (0, None)
    assert why in said


@pytest.mark.parametrize("process", ["web", "worker"])
def test_control_with_the_right_keys_it_becomes_ready(process: str, environ: dict[str, str]) -> None:
    pause = threading.Event()
    with running(process, environ) as made:
        assert any(is_ok(f"http://{environ['BIND']}/readyz") or pause.wait(0.1) for _ in range(1200))
        assert made.poll() is None


def test_control_with_the_right_keys_the_key_is_changed(environ: dict[str, str]) -> None:
    new = Fernet.generate_key().decode()

    assert ended("rotate", {**environ, "VAULT_KEYS": f"{new},{environ['VAULT_KEYS']}"})[0] == 0
    assert ended("rotate", {**environ, "VAULT_KEYS": new})[0] == 0
