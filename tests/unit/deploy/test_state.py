"""What one run leaves for the next."""

import json
import socket
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from deploy.local.state import AlreadyRunningError, StateFolder, is_free


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path)


def test_a_second_runner_is_refused_while_one_lives(folder: StateFolder) -> None:
    folder.hold()

    with pytest.raises(AlreadyRunningError):
        StateFolder(folder.path).hold()

    folder.release()
    StateFolder(folder.path).hold()


def test_a_second_run_can_decrypt_what_the_first_stored(folder: StateFolder) -> None:
    token = Fernet(folder.secrets()["VAULT_KEYS"]).encrypt(b"a token")

    again = StateFolder(folder.path).secrets()

    assert Fernet(again["VAULT_KEYS"]).decrypt(token) == b"a token"
    assert len(again["CALLER_KEY"]) >= 32


def test_keys_are_readable_by_their_owner_only(folder: StateFolder) -> None:
    folder.secrets()

    assert stat.S_IMODE((folder.path / "secrets.json").stat().st_mode) == 0o600


def test_a_unit_keeps_its_port_from_run_to_run(folder: StateFolder) -> None:
    port = folder.port("mongod", {})
    folder.release()

    assert StateFolder(folder.path).port("mongod", {}) == port


def test_a_port_that_somebody_else_took_meanwhile_is_given_up(folder: StateFolder) -> None:
    port = folder.port("mongod", {})
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        found = folder.port("mongod", {})

        assert found != port
        assert is_free(found)


def test_a_given_port_is_taken_as_it_is(folder: StateFolder) -> None:
    assert folder.port("gateway", {"gateway": 8080}) == 8080


def test_no_two_units_share_a_port(folder: StateFolder) -> None:
    names = [f"unit-{number}" for number in range(50)]

    assert len({folder.port(name, {}) for name in names}) == 50


def test_what_a_dead_runner_called_ready_is_told_as_stopped(folder: StateFolder) -> None:
    folder.hold()
    folder.write_status({"runner": 1, "units": [{"name": "crm-writer", "state": "ready", "pid": 7}]})
    assert folder.read_status()["units"][0]["state"] == "ready"

    folder.release()

    assert folder.read_status()["units"] == [{"name": "crm-writer", "state": "stopped", "pid": None}]


def test_the_state_file_is_replaced_whole(folder: StateFolder) -> None:
    folder.write_status({"units": [], "note": "x" * 1000})
    with (folder.path / "state.json").open() as reader:  # opened before, read after
        folder.write_status({"units": []})

        assert json.load(reader)["note"] == "x" * 1000
    assert {file.name for file in folder.path.iterdir()} == {"state.json"}


def test_starting_afresh_forgets_everything_but_who_holds_the_folder(folder: StateFolder) -> None:
    folder.hold()
    before = folder.secrets()
    folder.folder("mongod", "journal")

    folder.clear()

    assert {file.name for file in folder.path.iterdir()} == {"lock"}
    assert folder.secrets() != before
    assert folder.is_held()


def test_a_port_that_another_runner_has_chosen_is_not_given_before_it_listens(tmp_path: Path) -> None:
    one, other = StateFolder(tmp_path / "one"), StateFolder(tmp_path / "other")
    one.hold()
    other.hold()
    port = one.port("gateway", {})
    (other.path / "ports.json").write_text(json.dumps({"gateway": port}))

    assert other.port("gateway", {}) != port

    one.release()
    (other.path / "ports.json").write_text(json.dumps({"gateway": port}))
    assert other.port("gateway", {}) == port
