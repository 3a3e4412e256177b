"""A huge organisation refuses orders and filters; what it holds is read all the same, in a weaker way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from accounting_link.contracts.records import InvoiceImported, RecordEvent
from accounting_link.contracts.sync_life import FetchFailed
from accounting_link.contracts.words import Stream
from tests.unit.xero_adapter.world import TwinXero, World
from xero_adapter.planning import cursor as cursors
from xero_adapter.planning.cursor import Cursor, Mode
from xero_adapter.xero.client import Answer
from xero_adapter.xero.tokens import Token

BODY = b'{"ErrorNumber":51,"Type":"HighVolumeException","Message":"too many to order or filter by this"}'


@dataclass
class Refusing(TwinXero):
    """Refuses each order named, and every filter where ``filters``."""

    orders: ClassVar[tuple[str, ...]] = ("UpdatedDateUTC",)
    filters: ClassVar[bool] = False

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if query.get("order") in self.orders or (self.filters and "where" in query):
            return Answer(status=400, headers={}, body=BODY, egress=len(BODY))
        return super().get(token, path, query, headers)


class RefusingContacts(Refusing):
    """Refuses the usual order of contacts alone."""

    def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if path != "Contacts":
            return TwinXero.get(self, token, path, query, headers)
        return super().get(token, path, query, headers)


class RefusingOrders(Refusing):
    orders = ("UpdatedDateUTC", "InvoiceID", "ContactID")


class RefusingFilters(Refusing):
    orders = ()
    filters = True


@pytest.mark.parametrize("xero", [Refusing, RefusingContacts, RefusingOrders, RefusingFilters])
def test_everything_is_read_where_xero_refuses(xero: type[Refusing]) -> None:
    world = World(xero=xero)
    world.request()
    world.run()

    assert world.ids() == world.held()
    assert world.life(FetchFailed) == []


def read_of_contacts(xero: type[TwinXero]) -> tuple[World, list[tuple[str, str]]]:
    """After a sync of contacts that are edited after each page: the orders and pages that they were given by."""
    world = World(xero=xero, contacts=150, page_size=20)
    world.simulator.add_fault({"kind": "edit", "path": "^/Contacts", "records": 3, "record_kind": "contact"})
    world.request(streams=[Stream.CONTACTS])
    world.run()
    assert world.ids() == set(world.simulator.organisations[world.tenant].contacts.records)
    asked = [
        call["query"] for call in world.calls() if call["path"] == "/Contacts" and call["query"]["pageSize"] != "1"
    ]
    return world, [(query["order"], query["page"]) for query in asked]


def test_contacts_are_read_by_id_page_after_page_where_xero_refuses_their_order() -> None:
    world, asked = read_of_contacts(RefusingContacts)
    pages = -(-len(world.simulator.organisations[world.tenant].contacts) // world.page_size)
    assert asked == [("ContactID", str(page)) for page in range(1, pages + 1)]
    told = [one.event.xero_id for one in world.published() if isinstance(one.event, RecordEvent)]
    assert len(told) == len(set(told))


def test_control_contacts_that_xero_does_not_refuse_are_read_by_keyset() -> None:
    _, asked = read_of_contacts(TwinXero)
    # What is edited meanwhile comes last, all of it at one moment of this clock, which is read by id in the end.
    assert asked[:7] == [("UpdatedDateUTC", "1")] * 7


def test_bills_are_passed_over_here_where_xero_refuses_the_filter() -> None:
    world = World(xero=RefusingFilters)
    world.request()
    world.run()

    told = {one.event.xero_id for one in world.published() if isinstance(one.event, InvoiceImported)}
    assert told
    assert told <= world.held()


def test_a_delta_stays_a_delta() -> None:
    world = World(xero=RefusingOrders)
    mark = world.clock.now()
    world.clock.advance(cursors._STEP * 300)
    changed = world.simulator.touch_some(world.tenant, "invoice", 3)
    world.request(since=mark)
    world.run()

    assert world.ids() == set(changed)


def test_what_we_ask_for_first_is_what_a_huge_organisation_allows() -> None:
    """By the simulator's own list of optimised columns, past its threshold."""
    world = World()
    world.simulator.behave({"high_volume": 1})
    world.request()
    world.run()

    assert {call["status"] for call in world.calls()} == {200}
    assert world.ids() == world.held()


@pytest.mark.parametrize(("path", "order"), [("/Invoices", "Total"), ("/Contacts", "EmailAddress")])
def test_a_huge_organisation_of_the_simulator_refuses_other_orders(path: str, order: str) -> None:
    """The control of the test above."""
    world = World()
    world.simulator.behave({"high_volume": 1})
    answer = world.simulator.call(world.tenant, path, {"order": order, "page": "1"}, {})
    assert (answer.status, b"HighVolumeException" in answer.body) == (400, True)


def test_control_where_nothing_weaker_is_left_the_stream_fails_with_xeros_words() -> None:
    class RefusingAll(Refusing):
        def get(self, token: Token, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
            return Answer(status=400, headers={}, body=BODY, egress=len(BODY))

    world = World(xero=RefusingAll)
    world.request()
    world.run()

    assert {"HighVolumeException" in failed.reason for failed in world.life(FetchFailed)} == {True}


def test_each_way_is_weaker_than_the_one_before_and_keeps_the_mark() -> None:
    first = cursors.begin(None)
    second = cursors.fall_back(first)
    assert second == Cursor(since=None, mode=Mode.BY_ID)
    third = cursors.fall_back(second)
    assert third == Cursor(since=None, mode=Mode.AS_IT_COMES)
    assert cursors.fall_back(third) is None
    assert cursors.fall_back(cursors.by_name()) is None
