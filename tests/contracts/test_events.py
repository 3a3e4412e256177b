"""What is on the topics today must be readable tomorrow, and the other way round."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from accounting_link.chassis.messages import Outgoing, Publisher, Received
from accounting_link.contracts import cloudevents
from accounting_link.contracts.catalog import EVENTS
from accounting_link.contracts.cloudevents import UnreadableError
from accounting_link.contracts.event import TYPE_PREFIX, Event, Scope
from accounting_link.describe.asyncapi import schemas
from accounting_link.testing.broker import MemoryBroker
from accounting_link.testing.builders import JULY, SCOPE, an_invoice
from accounting_link.testing.clock import FakeClock
from tests.contracts.kept import FOLDER, Sample, samples

each_sample = pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.kind.__name__)


def read(sample: Sample, value: Any = None) -> Received:
    return sample.delivery(value).read()


def encode(event: Event, scope: Scope = SCOPE, reading: int = 0) -> cloudevents.Message:
    return cloudevents.encode(event, scope, source="/test", time=JULY, reading=reading)


def test_every_event_has_a_kept_sample_and_every_sample_an_event() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {sample.path.name for sample in samples()}


@each_sample
def test_a_kept_sample_is_read_and_told_again_as_the_same_value(sample: Sample) -> None:
    received = read(sample)
    assert type(received.event) is sample.kind
    assert json.loads(encode(received.event).value) == sample.value


@each_sample
def test_a_kept_samples_headers_say_whose_it_is(sample: Sample) -> None:
    scope = read(sample).scope
    assert (scope.account_id, scope.connection_id) == ("account-1", "connection-1")
    assert (scope.attempt, scope.ask, scope.correlation_id) == (2, 3, "reference-1")


@each_sample
def test_an_event_still_gets_the_id_it_had_when_the_sample_was_kept(sample: Sample) -> None:
    """Or what was told before an update and again after it would count as two facts."""
    received = read(sample)
    assert cloudevents.event_id(received.event, received.scope, received.envelope.reading) == sample.headers["ce_id"]


@each_sample
def test_a_reader_ignores_what_it_does_not_know_at_any_depth(sample: Sample) -> None:
    assert read(sample, _with_news(sample.value)).event == read(sample).event


def _with_news(value: Any) -> Any:
    match value:
        case dict():
            return {**{name: _with_news(inner) for name, inner in value.items()}, "a_field_of_tomorrow": {"deep": [1]}}
        case list():
            return [_with_news(inner) for inner in value]
    return value


@each_sample
def test_control_an_event_that_lacks_what_it_must_have_is_not_read(sample: Sample) -> None:
    required = schemas()[sample.kind.__name__]["required"]
    for name in required:
        with pytest.raises(UnreadableError, match=name):
            read(sample, {key: value for key, value in sample.value.items() if key != name})


@each_sample
def test_all_optional_fields_are_in_the_sample_too(sample: Sample) -> None:
    assert set(sample.value) == set(schemas()[sample.kind.__name__]["properties"])


def fields(kind: type[Any], seen: frozenset[Any] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every field of a struct and of the structs in it, with msgspec's type of it."""
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        for inner in _inner(field.type):
            yield f"{kind.__name__}.{field.name}", inner
            if isinstance(inner, msgspec.inspect.StructType) and inner.cls not in seen:
                yield from fields(inner.cls, seen | {inner.cls})


def _inner(kind: Any) -> Iterator[Any]:
    yield kind
    for name in ("types", "item_types"):
        for part in getattr(kind, name, ()):
            yield from _inner(part)
    if part := getattr(kind, "item_type", None):
        yield from _inner(part)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_no_event_holds_a_binary_fraction(event: type[Event]) -> None:
    assert [name for name, kind in fields(event) if isinstance(kind, msgspec.inspect.FloatType)] == []


def test_control_a_float_deep_in_an_event_would_be_found() -> None:
    class Deep(msgspec.Struct):
        amount: float

    class Shallow(msgspec.Struct):
        parts: tuple[Deep | None, ...]

    found = [name for name, kind in fields(Shallow) if isinstance(kind, msgspec.inspect.FloatType)]
    assert found == ["Deep.amount"]


def money_of(schema: dict[str, Any], value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a sample that its schema says is a decimal."""
    if ref := schema.get("$ref"):
        schema = schemas()[ref.rpartition("/")[2]]
    if schema.get("format") == "decimal":
        yield where, value
    for option in schema.get("anyOf", ()):
        yield from money_of(option, value, where) if value is not None else ()
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from money_of(inner, value[name], f"{where}.{name}")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for inner in value:
            yield from money_of(schema["items"], inner, f"{where}[]")


def money_in(sample: Sample) -> list[tuple[str, Any]]:
    return list(money_of(schemas()[sample.kind.__name__], sample.value))


@each_sample
def test_money_is_a_json_string(sample: Sample) -> None:
    """msgspec would read a number too, and a number may have lost its cents on the way."""
    assert [where for where, amount in money_in(sample) if not isinstance(amount, str)] == []


def test_control_money_is_looked_at_wherever_there_is_some() -> None:
    found = {sample.kind.__name__: len(money_in(sample)) for sample in samples() if money_in(sample)}
    assert found == {
        "InvoiceImported": 12,
        "CreditNoteImported": 11,
        "PaymentImported": 3,
        "OverpaymentImported": 11,
        "PrepaymentImported": 11,
        "RecordsApplied": 3,
    }


def test_amounts_keep_their_cents_and_their_trailing_zeros() -> None:
    invoice = an_invoice(total="0.10", currency_rate=Decimal("1.000000"))
    told = json.loads(encode(invoice).value)
    assert (told["total"], told["currency_rate"]) == ("0.10", "1.000000")


@each_sample
def test_the_same_fact_told_twice_has_the_same_id_and_any_other_fact_another(sample: Sample) -> None:
    event, scope = read(sample).event, read(sample).scope
    others = [
        msgspec.structs.replace(scope, attempt=scope.attempt + 1),
        msgspec.structs.replace(scope, ask=scope.ask + 1),
        msgspec.structs.replace(scope, sync_id="another"),
        msgspec.structs.replace(scope, connection_id="another"),
    ]
    ids = [cloudevents.event_id(event, one) for one in (scope, scope, *others)]
    ids.append(cloudevents.event_id(event, scope, reading=99))
    assert ids[0] == ids[1]
    assert len(set(ids)) == len(ids) - 1


def test_when_it_is_told_and_by_whom_and_for_whose_reference_changes_no_id() -> None:
    invoice = an_invoice()
    later = cloudevents.encode(
        invoice,
        msgspec.structs.replace(SCOPE, correlation_id="another"),
        source="/another",
        time=JULY + timedelta(days=1),
    )
    assert dict(later.headers)["ce_id"] == dict(encode(invoice).headers)["ce_id"]


@each_sample
def test_headers_are_a_valid_cloudevent(sample: Sample) -> None:
    message = encode(read(sample).event, read(sample).scope)
    names = [name for name, _ in message.headers]
    said = dict(message.headers)
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"ce_[a-z0-9]{1,20}|content-type|traceparent", name)] == []
    assert {"ce_specversion", "ce_id", "ce_source", "ce_type"} <= said.keys()
    assert [name for name, value in said.items() if not value] == []
    assert said["content-type"] == b"application/json"


@each_sample
def test_a_types_name_is_the_classs_own(sample: Sample) -> None:
    assert re.fullmatch(rf"{re.escape(TYPE_PREFIX)}\.{sample.kind.__name__}\.v[0-9]+", sample.kind.TYPE)


@each_sample
def test_every_event_goes_out_and_comes_back_whole(sample: Sample) -> None:
    broker, received = MemoryBroker(), read(sample)
    publisher = Publisher(broker, source="/test", clock=FakeClock())
    publisher.confirmed([Outgoing(event=received.event, scope=received.scope, causation_id="cause", reading=5)])
    [back] = broker.log(received.event.TOPIC.name(received.scope.lane))
    assert (back.event, back.scope, back.envelope.causation_id, back.envelope.reading) == (
        received.event,
        received.scope,
        "cause",
        5,
    )
