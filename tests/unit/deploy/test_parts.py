"""Fetching what a run needs, when several runs need it at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local.parts import kafka_classes

# Fails as Maven does where another copies into the same folder.
MVN = """#!/bin/sh
mkdir {folder}/copying || exit 1
echo fetched >> {folder}/log
sleep 0.2
rmdir {folder}/copying
"""


def test_kafka_is_fetched_once_by_runs_that_start_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lock the second is refused, or fetches all again."""
    maven = tmp_path / "mvn"
    maven.write_text(MVN.format(folder=tmp_path))
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with ThreadPoolExecutor(4) as runs:
        found = list(runs.map(kafka_classes, [tmp_path / "cache"] * 4))

    assert set(found) == {tmp_path / "cache" / "libs"}
    assert (tmp_path / "log").read_text() == "fetched\n"
