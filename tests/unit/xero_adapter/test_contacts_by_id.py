"""Contacts asked for by their ids: those to whom something was sold and who are not in the CRM."""

import pytest

from accounting_link.contracts.records import CustomerImported, RecordUnreadable
from accounting_link.contracts.sync_life import FetchFailed, StreamEnded
from accounting_link.contracts.words import Kind, Stream
from tests.unit.xero_adapter.world import World
from xero_adapter.xero.reading import IDS_A_CALL


@pytest.fixture
def world() -> World:
    return World(contacts=100, invoices=200)


def contacts(world: World) -> list[str]:
    listed = world.simulator.call(world.tenant, "/Contacts", {"includeArchived": "true"}, {})
    return [row.split('"')[0] for row in listed.body.decode().split('"ContactID":"')[1:]]


def asked(world: World) -> list[int]:
    calls = [call for call in world.calls() if call["path"].endswith("Contacts")]
    return [call["status"] for call in calls]


def test_only_those_are_read_so_many_a_call_and_the_stream_ends_behind_them(world: World) -> None:
    wanted = contacts(world)[:90]
    world.request_contacts(*wanted)
    world.run()

    assert world.ids() == set(wanted)
    assert asked(world)[1:] == [200] * (90 // IDS_A_CALL + 1)
    [ended] = world.life(StreamEnded)
    assert (ended.stream, ended.read) == (Stream.CONTACTS, 90)
    assert ended.markers
    assert world.lag() == 0


def test_each_is_told_as_a_customer_also_who_is_only_a_supplier_at_xero(world: World) -> None:
    world.request_contacts(*contacts(world))
    world.run()

    told = [one.event for one in world.published() if one.event.subject().startswith("contact/")]
    assert {type(event) for event in told} == {CustomerImported}
    assert all(event.is_customer for event in told if isinstance(event, CustomerImported))
    assert any(event.is_supplier for event in told if isinstance(event, CustomerImported))


def test_one_that_xero_does_not_give_is_noted_and_the_others_come(world: World) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    [there, *_] = contacts(world)
    world.request_contacts(nobody, there)
    world.run()

    [noted] = [one.event for one in world.published() if isinstance(one.event, RecordUnreadable)]
    assert (noted.xero_id, noted.kind, noted.reason) == (
        nobody,
        Kind.CONTACT,
        "Xero does not give a contact of this id",
    )
    assert world.ids() == {nobody, there}
    assert world.life(FetchFailed) == []


def test_a_replica_that_takes_over_goes_on_at_the_ids_not_yet_read(world: World) -> None:
    wanted = contacts(world)[:90]
    world.request_contacts(*wanted)
    world.step(4)
    world.take_over()
    world.run()

    assert world.ids() == set(wanted)
    assert len(asked(world)) == 1 + 90 // IDS_A_CALL + 1
