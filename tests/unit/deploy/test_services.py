"""The processes as data."""

import socket
from pathlib import Path

import pytest

from deploy.local import services
from deploy.local.__main__ import WrongSettingError, platform_of, ports
from deploy.local.services import PROCESSES, Process
from deploy.local.state import StateFolder

ADDRESSES = {name: f"127.0.0.1:{20000 + n}" for n, name in enumerate((*services.PARTS, *services.NAMES))}
SECRETS = ("CALLER_KEY", "AUTH_LINK_SERVICE_KEY", "VAULT_KEYS", "SIGN_IN_KEY")
SIMULATOR = {"SIMULATOR_CLIENT_ID": "id", "SIMULATOR_CLIENT_SECRET": "secret"}
CONTEXT = {**ADDRESSES, **dict.fromkeys(SECRETS, "k"), **SIMULATOR, "mongo_uri": "mongodb://m", "public": "here"}


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_everything_a_process_is_told_can_be_filled_in(process: Process, tmp_path: Path) -> None:
    told = process.unit(20100, CONTEXT, tmp_path).environment

    assert not [text for text in told.values() if "{" in text]
    assert told["MONGO_URI"] == "mongodb://m"


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_only_web_processes_share_their_metrics_through_files(process: Process, tmp_path: Path) -> None:
    unit = process.unit(20100, CONTEXT, tmp_path)

    assert ("PROMETHEUS_MULTIPROC_DIR" in unit.environment) is (process.kind == "web")
    assert (unit.fresh_folder is not None) is (process.kind == "web")


def test_a_second_replica_is_the_same_but_for_name_and_address(tmp_path: Path) -> None:
    worker = next(process for process in PROCESSES if process.name == "crm-writer-bulk")
    unit = worker.unit(20100, CONTEXT, tmp_path)

    second = services.replica(unit, 2, 20200)

    assert second.name == "crm-writer-bulk#2"
    assert {**second.environment, "STATUS_BIND": "127.0.0.1:20100"} == unit.environment
    assert second.command == unit.command


def test_no_key_of_ours_reaches_the_simulator(tmp_path: Path) -> None:
    """It stands for the world outside."""
    told = services.simulator(20100, CONTEXT, tmp_path).environment

    assert "k" not in told.values()
    assert "CALLER_KEY" not in told


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_on_xero_itself_nothing_points_at_the_simulator(process: Process, tmp_path: Path) -> None:
    told = process.unit(20100, CONTEXT, tmp_path).environment

    on_xero = {**told, **services.real_xero("our-app", "its-secret")[process.name]}

    assert not [name for name, text in on_xero.items() if ADDRESSES["xero-simulator"] in text]
    assert on_xero.get("XERO_CLIENT_ID", "our-app") == "our-app"


def test_a_port_that_is_taken_or_is_none_is_refused_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        with pytest.raises(WrongSettingError, match="is taken"):
            ports({"PORT": taken})
    for wrong in ("80x", "99999", "0"):
        with pytest.raises(WrongSettingError, match="is no port"):
            ports({"PORT": wrong})


def test_a_broker_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="neither"):
        platform_of(StateFolder(tmp_path), {"BROKER": "Kafka"})
