"""A worker dies between having done something and having said so: what it did comes again, and changes nothing.

Where it writes records or tells of them: test_kills.py.
"""

from collections import Counter

import pytest

from accounting_link.contracts.topics import CONNECTIONS, REQUESTS, XERO_ADAPTER, Lane, Topic
from tests.faults.check import wrong_with
from tests.faults.topics import behind, told_of
from tests.faults.traces import in_a_checkpoint
from tests.faults.world import Import, World, until

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


def test_a_request_whose_streams_were_ended_and_not_told_comes_again_and_changes_nothing(world: World) -> None:
    group = XERO_ADAPTER[Lane.BULK]
    run = world.connected()

    def nothing_else_waits() -> bool:
        """What an earlier sync left uncommitted comes again first, and its markers are not those meant here."""
        return all(one.scope.sync_id == run.sync_id for one in behind(world, group))

    marker = world.hit_from("xero-adapter-bulk", "xero-adapter:before-markers", run, 0.5, once=nothing_else_waits)
    with world.dead("xero-adapter-bulk", marker):
        given = behind(world, group)
        again = [one for one in given if one.scope.sync_id == run.sync_id and in_a_checkpoint(run, one)]

    assert wrong_with(run.ends()) == []
    assert again


@pytest.mark.parametrize(("name", "topic"), [("sync-orchestrator-worker", REQUESTS), ("auth-link-worker", CONNECTIONS)])
def test_an_event_relayed_but_not_yet_forgotten_is_relayed_twice_and_counts_once(
    world: World, name: str, topic: Topic
) -> None:
    service = name.removesuffix("-worker")
    marker = world.arm(name, "outbox:after-acknowledgement")
    marker.touch()  # it lives on until nothing is left to relay of what came before
    until(lambda: not world.mongo[service.replace("-", "_")].outbox.find_one(), "the outbox is empty")
    marker.unlink()
    run = world.imports()

    until(lambda: max(times_told(run, topic, f"/{service}").values(), default=0) > 1, "an event is relayed once more")
    assert wrong_with(run.ends()) == []


def times_told(run: Import, topic: Topic, source: str) -> Counter[str]:
    return Counter(one.envelope.id for one in told_of(run, topic) if one.envelope.source == source)
