"""The demo on a small organisation, and the comparison that judges it: it agrees, and each control makes it fail."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from bson import Decimal128
from pymongo import MongoClient
from rich.console import Console

from deploy.local import compare, demo, services
from deploy.local.crm import Crm
from deploy.local.run import Platform

BROKER = os.environ.get("BROKER") or "embedded"
SMALL = {"SIMULATOR_CONTACTS": "60", "SIMULATOR_INVOICES": "300"}
Client = MongoClient[dict[str, Any]]


@dataclass(frozen=True)
class World:
    sources: compare.Sources
    mongo: Client
    judged: Callable[[], int]  # the exit code of `make demo ONCE=1`

    def wrong(self) -> list[str]:
        return compare.compare(self.sources, Console(width=140))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    state = tmp_path_factory.mktemp("demo")
    needed = [name for name in services.NAMES if name != "lag-exporter" and not name.endswith("-interactive")]
    platform = Platform(state, BROKER, services=needed, overrides={"xero-simulator": SMALL})
    with platform, Client(platform.mongo_uri) as mongo:
        crm, console = Crm(platform.public_url), Console(width=140)
        crm.sign_in(demo.PERSON)
        connection = demo.connect(crm, console)
        sync = demo.follow(crm, demo.start(crm, connection["id"], console), console)
        demo.settled(crm, sync["id"])
        judged = partial(demo.verdict, platform, crm, connection, sync, console)
        yield World(demo.sources(platform, crm, connection, sync), mongo, judged)


@pytest.fixture
def spoil(world: World) -> Iterator[Callable[[str, str, Any], dict[str, Any]]]:
    """Changes the first document of a collection by hand, and puts it back afterwards."""
    undo: list[Callable[[], object]] = []

    def change(database: str, collection: str, by: Any) -> dict[str, Any]:
        held = world.mongo[database][collection]
        before = held.find_one({"kind": "invoice"} if collection != "companies" else {})
        assert before
        after = by(before)
        held.delete_one({"_id": before["_id"]})
        if after:
            held.insert_many(after)
        undo.append(lambda: held.delete_many({"_id": {"$in": [row["_id"] for row in after]}}))
        undo.append(lambda: held.insert_one(before))
        return before

    yield change
    for each in undo:
        each()


def test_three_sources_agree_after_the_first_sync(world: World) -> None:
    assert world.wrong() == []
    assert world.judged() == 0


def test_an_amount_altered_by_a_cent_is_found_and_named(world: World, spoil: Any) -> None:
    def altered(row: dict[str, Any]) -> list[dict[str, Any]]:
        total = row["xero"]["total"].to_decimal() + Decimal("0.01")
        return [{**row, "xero": {**row["xero"], "total": Decimal128(total)}}]

    record = spoil("crm", "transactions", altered)

    assert any(f"invoice {record['xero_id']} is altered: total" in sentence for sentence in world.wrong())
    assert world.judged() == 1


def test_a_deleted_sale_is_found_and_named(world: World, spoil: Any) -> None:
    record = spoil("crm", "transactions", lambda row: [])

    assert any(f"invoice {record['xero_id']} is missing" in sentence for sentence in world.wrong())
    assert world.judged() == 1


def test_a_deleted_company_is_found_and_named(world: World, spoil: Any) -> None:
    company = spoil("crm", "companies", lambda row: [])

    contact = company["xero"]["parts"][0]["contact_id"]
    assert any(f"contact {contact} is missing" in sentence for sentence in world.wrong())


def test_a_doubled_outcome_is_found_and_named(world: World, spoil: Any) -> None:
    record = spoil("logs", "record_outcomes", lambda row: [row, {**row, "_id": row["_id"] + "/again"}])

    assert any(f"outcome of invoice {record['xero_id']} is there 2 times" in sentence for sentence in world.wrong())
    assert world.judged() == 1


def test_another_accounts_records_are_not_counted(world: World) -> None:
    """The control of scoping: under another account's name nothing is found, and the comparison says so."""
    elsewhere = replace(world, sources=replace(world.sources, account_id="kauri"))

    assert any(sentence.startswith("contacts imported:") for sentence in elsewhere.wrong())
