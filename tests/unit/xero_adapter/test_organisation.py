"""The organisation itself: read once a day beside whatever else is asked for, and when it was connected, counted."""

from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from accounting_link.chassis.messages import Outgoing
from accounting_link.contracts.organisations import OrganisationRead
from accounting_link.contracts.requests import OrganisationRequested
from accounting_link.contracts.sync_life import FetchFailed
from accounting_link.contracts.words import Stream
from accounting_link.testing.builders import JULY, SCOPE
from tests.unit.xero_adapter.world import World
from xero_adapter.organisation import told
from xero_adapter.xero import zones


@pytest.fixture
def world() -> World:
    return World(contacts=5, invoices=5)


def syncs(world: World, number: int) -> list[OrganisationRead]:
    world.request(replace(SCOPE, sync_id=f"sync-{number}"))
    world.run()
    return [one.event for one in world.published() if isinstance(one.event, OrganisationRead)]


def test_its_name_short_code_currency_and_time_zone_are_told(world: World) -> None:
    [read] = syncs(world, 1)
    profile = world.simulator.organisations[world.tenant].profile
    assert (read.name, read.short_code, read.base_currency) == ("Kiwi", profile["ShortCode"], profile["BaseCurrency"])
    assert (read.time_zone, read.country) == ("Pacific/Auckland", "NZ")


def test_it_is_read_once_a_day_however_many_syncs_there_are(world: World) -> None:
    syncs(world, 1)
    world.clock.advance(timedelta(hours=20))
    assert len(syncs(world, 2)) == 1
    world.clock.advance(timedelta(hours=5))
    assert len(syncs(world, 3)) == 2


def test_what_goes_wrong_is_tried_with_the_next_request_and_harms_no_sync(world: World) -> None:
    rule = world.simulator.add_fault({"kind": "status", "status": 503, "path": "/Organisation", "count": 1})
    assert syncs(world, 1) == []
    assert rule.more is not None
    assert world.life(FetchFailed) == []
    assert world.ids() == world.held()
    assert len(syncs(world, 2)) == 1


def test_a_time_zone_that_is_not_known_is_told_as_xero_wrote_it() -> None:
    read = told(b'{"Organisations": [{"Name": "A", "Timezone": "MARSSTANDARDTIME"}]}', "t", JULY)
    assert (read.time_zone, read.xero_time_zone, read.short_code) == ("", "MARSSTANDARDTIME", "")
    assert zones.iana("AUSEASTERNSTANDARDTIME") == "Australia/Sydney"


@pytest.mark.parametrize("body", [b"{}", b'{"Organisations": []}', b"<html>"])
def test_control_what_is_no_organisation_is_not_told(body: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, LookupError)):
        told(body, "t", JULY)


ASKED = replace(SCOPE, sync_id="", authorisation=1)


def looks(world: World) -> list[OrganisationRead]:
    event = OrganisationRequested(tenant_id=world.tenant, authorisation=1, requested_at=world.clock.now())
    world.publisher.confirmed([Outgoing(event=event, scope=ASKED)])
    world.run()
    return [one.event for one in world.published() if isinstance(one.event, OrganisationRead)]


def test_when_it_was_connected_each_stream_is_counted_by_one_call_of_one_record(world: World) -> None:
    [read] = looks(world)
    counts = {str(one.stream): one.count for one in read.counts}
    assert list(counts) == [str(stream) for stream in Stream]
    assert (counts["contacts"], counts["invoices"]) == (5, 5)
    assert world.calls()[0]["path"].endswith("/Organisation")
    assert len(world.calls()) == 1 + len(Stream)
    assert world.lag() == 0
    assert [one for one in world.published() if not isinstance(one.event, OrganisationRead)] == []


def test_the_first_sync_after_it_does_not_ask_once_more(world: World) -> None:
    looks(world)
    world.request(SCOPE)
    world.run()
    assert len([one for one in world.published() if isinstance(one.event, OrganisationRead)]) == 1


def test_a_call_that_fails_is_made_again_and_counts_nothing_twice(world: World) -> None:
    world.simulator.add_fault({"kind": "status", "status": 503, "path": "/Invoices", "count": 2})
    [read] = looks(world)
    assert [one.stream for one in read.counts] == list(Stream)


def test_what_keeps_failing_is_given_up_and_stands_in_nobodys_way(world: World) -> None:
    world.simulator.add_fault({"kind": "status", "status": 503, "path": "/Organisation", "count": 50})
    assert looks(world) == []
    assert world.lag() == 0
    world.auth_link.gone = True
    assert looks(world) == []
    assert world.lag() == 0
