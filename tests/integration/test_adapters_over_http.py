"""The adapter's processes among many organisations, in real time, with their figures told."""

import sys

import pytest

from tests.bench import fairness, figures, scaling
from tests.bench.figures import Figure, Report
from tests.conftest import BROKER

pytestmark = [pytest.mark.mongo, pytest.mark.kafka, pytest.mark.soak, pytest.mark.timeout(1200)]


def told(report: Report, capsys: pytest.CaptureFixture[str]) -> tuple[Report, Figure]:
    """The report, and its control's figure."""
    with capsys.disabled():
        figures.tell([report], as_json=False, out=sys.stdout)
    (control,) = (figure for figure in report.figures if "control" in figure.name)
    return report, control


def test_twenty_organisations_are_as_quick_as_their_limits_allow_and_no_call_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report, control = told(fairness.run(BROKER), capsys)

    assert [figure.name for figure in report.figures if not figure.reaches()] == []
    assert control.median > 0


def test_eight_adapters_make_many_times_the_calls_of_one_but_not_on_one_partition(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Laxer than the bench, for a machine that does other things as well."""
    report, control = told(scaling.run(BROKER, counts=(1, scaling.MOST), organisations=4), capsys)

    (times,) = (figure for figure in report.figures if figure.target == scaling.TARGET)
    assert times.reaches(slack=3)
    assert control.median < 1.5
