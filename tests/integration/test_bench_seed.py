"""The bench itself, small: nothing may be five times worse than its target, on whatever machine this is.

What is asserted of the pipeline is the ratio by processor time, which other work on the machine hardly moves.
"""

from collections.abc import Iterator, Mapping

import pytest

from accounting_link.testing.real_parts import RealParts
from tests.bench import adapter, pipeline, volume
from tests.bench.figures import Figure, Report
from tests.conftest import local_parts, prepare_topics
from tests.unit.xero_adapter.world import TwinXero
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token

pytestmark = [pytest.mark.mongo, pytest.mark.kafka]
SLACK = 5.0


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealParts]:
    """A broker of its own: the bare pipeline understands nothing but the bench's own messages."""
    with local_parts(tmp_path_factory.mktemp("bench")) as parts:
        prepare_topics(parts)
        yield parts


def named(report: Report, words: str) -> Figure:
    return next(figure for figure in report.figures if words in figure.name)


def test_the_pipeline_is_at_most_five_times_off_its_ratio_to_the_bare_one(ready: RealParts) -> None:
    report = pipeline.run(ready, count=3000, rounds=1)

    ratio = named(report, "by processor time")
    assert Figure(name="", values=ratio.values, target=pipeline.TARGET).reaches(SLACK), ratio.values
    assert {row["process"] for row in report.stages} == {"crm-writer", "log-service", "bare", "mongod"}


def test_the_adapter_is_at_most_five_times_slower_than_a_first_sync_allows(ready: RealParts) -> None:
    report = adapter.run(ready, contacts=100, invoices=900, rounds=3)  # its median: one pause is none of its own

    assert named(report, "adapter alone").reaches(SLACK), report.figures
    assert named(report, "the simulator's core").reaches(SLACK), report.figures


def test_control_a_simulator_that_is_slow_is_told_apart(ready: RealParts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does the work of every answer a hundred times over, and so does not refuse what is too much for Xero."""
    get = TwinXero.get

    def slow(self: TwinXero, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        self.simulator.behave({"limits": False})
        return [get(self, token, path, query, headers) for _ in range(100)][-1]

    monkeypatch.setattr(TwinXero, "get", slow)
    report = adapter.run(ready, contacts=100, invoices=900, rounds=1)

    assert not named(report, "the simulator's core").reaches(), report.figures


def test_fifty_thousand_invoices_add_little_memory_and_each_page_is_checkpointed_once() -> None:
    """A tenth of the bench's. Its control keeps what it reads, and reads a page twice."""
    limit = volume.TARGET_MB / 3
    found = volume.measure(volume.INVOICES // 10, limit)

    assert found.adapter.records == found.sales
    assert found.adapter.pages > 50
    assert (found.adapter.wrong, found.keeper.wrong > 0) == (0, True)
    assert found.grown_mb < limit < found.kept_mb


def test_a_figure_far_off_its_target_is_told_as_missed() -> None:
    slow = Figure(name="ratio", values=[0.05], target=0.5)

    assert not slow.reaches(SLACK)
    assert slow.verdict() == "missed, 10.0 times off"
