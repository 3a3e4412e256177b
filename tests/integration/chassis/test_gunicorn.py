"""A web service under gunicorn with several processes, as it runs: its metrics are of all of them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from prometheus_client import multiprocess

from accounting_link.chassis.clock import SYSTEM_CLOCK
from deploy.local.parts import is_ok
from tests.ports import free_port
from tests.unit.crm_frontend.conftest import an_environment

PROCESSES = 3
ROUTE = {"method": "GET", "route": "/sign-in", "status": "200"}
NAME = "http_request_seconds_count"


@dataclass(frozen=True)
class Served:
    url: str
    metrics: Path

    def told(self) -> float:
        """What whichever process answers says of the route, in the text that Prometheus reads."""
        labels = ",".join(f'{name}="{value}"' for name, value in ROUTE.items())
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{NAME}{{{labels}}}"))

    def each_by_itself(self) -> list[float]:
        """What each process has counted, where it counted any."""
        files = self.metrics.glob("histogram_*.db")
        merged = (multiprocess.MultiProcessCollector.merge([str(file)]) for file in files)
        samples = [[one for family in families for one in family.samples] for families in merged]
        return [one.value for found in samples for one in found if (one.name, one.labels) == (NAME, ROUTE)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    address = f"127.0.0.1:{free_port()}"
    told = {"BIND": address, "WEB_WORKERS": str(PROCESSES), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    config = ("--config", "python:accounting_link.chassis.gunicorn_conf")
    command = (sys.executable, "-m", "gunicorn", *config, "crm_frontend.web:create_app()")
    with subprocess.Popen(command, env={**os.environ, **an_environment(), **told}) as gunicorn:
        try:
            pause, deadline = threading.Event(), SYSTEM_CLOCK.monotonic() + 120
            while not is_ok(f"http://{address}/readyz"):
                assert gunicorn.poll() is None
                assert SYSTEM_CLOCK.monotonic() < deadline, "it does not answer"
                pause.wait(0.1)
            yield Served(f"http://{address}", tmp_path)
        finally:
            gunicorn.terminate()
            gunicorn.wait(60)


def test_the_metrics_are_those_of_every_process_whichever_is_asked(served: Served) -> None:
    # A connection of its own each: what is kept open stays with one process.
    while len(served.each_by_itself()) < 2:
        assert requests.get(f"{served.url}/sign-in", timeout=10).ok

    counted = served.each_by_itself()
    assert [served.told() for _ in range(20)] == [sum(counted)] * 20
    assert max(counted) < sum(counted)  # the control: one process alone knows less
