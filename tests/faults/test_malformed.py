"""What nobody can read: one failed outcome or one dead letter each, with the reason. Everything else arrives."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from accounting_link.contracts import cloudevents
from accounting_link.contracts.cloudevents import Message
from accounting_link.contracts.event import Scope
from accounting_link.contracts.topics import RECORDS
from accounting_link.testing.builders import JULY, an_invoice
from tests.faults.check import apart, picture
from tests.faults.topics import put
from tests.faults.world import Doc, Import, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]

STRANGE = "00000000-0000-4000-a000-000000000000"
Difference = dict[str, list[Any]]


def unlike_undisturbed(run: Import) -> tuple[Difference, Difference]:
    """What is missing, and what is there besides."""
    return apart(picture(run.world.undisturbed), picture(run))


def letters(run: Import) -> list[Doc]:
    return list(run.world.mongo.logs.dead_letters.find(run.of_account))


def ended_with_its_letter(run: Import) -> None:
    """A dead letter has a topic of its own, and may come into the log after the sync's end has."""
    run.ends()
    until(lambda: letters(run), "the dead letter is in the log")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"kind": "poison", "how": "total_list"}, "Total"),
        ({"kind": "poison", "how": "updated_nonsense"}, "the day before yesterday"),
        ({"kind": "poison", "how": "no_contact"}, "Contact"),
        ({"kind": "poison", "how": "bad_json"}, "JSON is malformed"),
        ({"kind": "large"}, "bytes"),
    ],
    ids=lambda value: str(value.get("how", "2 MB")) if isinstance(value, dict) else "",
)
def test_an_invoice_nobody_can_use_is_one_failed_outcome_with_its_reason_and_the_rest_arrives(
    world: World, rule: Doc, reason: str
) -> None:
    run = world.connected()
    made = world.simulator("faults", {**rule, "tenant": run.tenant_id})
    bad = made["more"]["record"]

    ended_with_its_letter(run.begin())

    missing, besides = unlike_undisturbed(run)
    (why,) = {row[3] for row in besides["outcome"]}
    assert reason in why
    assert besides == {
        "record": [("invoice", bad, "failed")],
        "outcome": [("invoice", bad, "failed", why)],
        "dead letter": [f"invoice/{bad}"],
    }
    assert missing == {
        "record": [("invoice", bad, "imported")],
        "outcome": [("invoice", bad, "created", "")],
        "sale": [bad],
        "line of the sales log": [bad],
    }
    assert [letter["reason"] for letter in letters(run)] == [why]
    assert run.sync()["state"] == "completed_with_problems"


def test_an_invoice_without_its_id_is_one_failed_outcome_and_the_rest_arrives(world: World) -> None:
    run = world.connected()
    world.simulator("faults", {"kind": "poison", "how": "no_id", "tenant": run.tenant_id})

    ended_with_its_letter(run.begin())

    missing, besides = unlike_undisturbed(run)
    assert [(row[0], row[2]) for row in besides["outcome"]] == [("invoice", "failed")]
    assert len(besides["dead letter"]) == len(missing["sale"]) == 1


def bad_json(message: Message) -> Message:
    return replace(message, value=b'{"xero_id": "' + STRANGE.encode())


def unknown_type(message: Message) -> Message:
    return with_header(message, "ce_type", b"com.legrandcrm.accountinglink.InvoiceSungAloud.v1")


def with_header(message: Message, name: str, value: bytes) -> Message:
    return replace(message, headers=[(known, value if known == name else said) for known, said in message.headers])


@pytest.mark.parametrize(
    ("spoil", "reason"), [(bad_json, "Input data was truncated"), (unknown_type, "unknown event type")]
)
def test_a_malformed_event_among_the_records_is_one_failed_outcome_and_one_dead_letter(
    world: World, spoil: Callable[[Message], Message], reason: str
) -> None:
    run = world.connected()
    with world.held_at(run, 0.2):  # so that the marks of the end lie behind it
        run.is_hit()
        put(world, spoil(an_event_of(run)))

    ended_with_its_letter(run)

    missing, besides = unlike_undisturbed(run)
    (why,) = {row[3] for row in besides["outcome"]}
    assert reason in why
    assert besides == {
        "record": [("invoice", STRANGE, "failed")],
        "outcome": [("invoice", STRANGE, "failed", why)],
        "dead letter": [f"invoice/{STRANGE}"],
    }
    assert missing == {}


def test_an_event_without_headers_is_one_dead_letter_and_the_rest_arrives(world: World) -> None:
    run = world.connected()
    letters_of_nobody = world.mongo.logs.dead_letters.count_documents({"account_id": "unknown"})
    with world.held_at(run, 0.2):
        run.is_hit()
        put(world, replace(an_event_of(run), headers=[]))

    run.ends()

    assert unlike_undisturbed(run) == ({}, {})
    found = world.mongo.logs.dead_letters
    until(
        lambda: found.count_documents({"account_id": "unknown", "topic": RECORDS.name()}) == letters_of_nobody + 1,
        "the event is a dead letter",
    )


def an_event_of(run: Import) -> Message:
    """One of this sync's records, as the adapter would send it."""
    sync = run.sync()
    scope = Scope(
        account_id=run.account_id,
        connection_id=run.connection_id,
        sync_id=run.sync_id,
        attempt=sync["attempt"],
        ask=sync["ask"],
    )
    return cloudevents.encode(an_invoice(STRANGE), scope, source="/by-hand", time=JULY, reading=1)
