"""Every metric, from the modules that define them."""

from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from prometheus_client.metrics import MetricWrapperBase

from accounting_link.chassis import lag, web
from accounting_link.describe.code import Code

TITLE = "# Metrics\n\nAt `/metrics` of each process. Written by `make docs`; change the code, not this page.\n"


class Metric(NamedTuple):
    name: str
    kind: str
    labels: tuple[str, ...]
    what: str


def groups(code: Code) -> Iterator[tuple[str, list[Metric]]]:
    """By who tells them."""
    for service, module in code.modules("metrics"):
        yield service, of_module(module)
    yield "every web service", of_module(web)
    yield "lag-exporter", [Metric(name, "gauge", labels, what) for name, (what, labels) in lag.METRICS.items()]


def of_module(module: ModuleType) -> list[Metric]:
    defined = [value for value in vars(module).values() if isinstance(value, MetricWrapperBase)]
    return [_metric(one) for one in defined]


def _metric(defined: MetricWrapperBase) -> Metric:
    told = next(iter(defined.describe()))
    name = f"{told.name}_total" if told.type == "counter" else told.name
    return Metric(name, told.type, tuple(defined._labelnames), told.documentation)


def text(code: Code) -> str:
    return "\n".join([TITLE, *(_table(name, metrics) for name, metrics in groups(code))])


def _table(name: str, metrics: list[Metric]) -> str:
    rows = "".join(
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.what} |\n"
        for one in metrics
    )
    return f"## {name}\n\n| name | kind | labels | what |\n|---|---|---|---|\n{rows}"
