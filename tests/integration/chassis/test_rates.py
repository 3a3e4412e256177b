"""How often something may be asked, of one process and of many."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from accounting_link.chassis import problems, rates
from accounting_link.chassis.mongo import Db
from accounting_link.chassis.rates import Bucket, MemoryBucket, MongoBucket, Rate
from accounting_link.testing.clock import FakeClock

pytestmark = pytest.mark.mongo
RATE = Rate(at_once=5, a_minute=60)


@pytest.fixture(params=["memory", "mongo"])
def bucket(request: pytest.FixtureRequest, clock: FakeClock) -> Bucket:
    if request.param == "memory":
        return MemoryBucket(RATE, clock)
    return MongoBucket(request.getfixturevalue("db"), "syncs", RATE, clock)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def let_in(bucket: Bucket, key: str, times: int) -> int:
    return sum(not bucket.take(key) for _ in range(times))


def test_so_many_at_once_then_one_as_each_becomes_free(bucket: Bucket, clock: FakeClock) -> None:
    assert let_in(bucket, "legrand", 9) == 5
    clock.advance(timedelta(seconds=1))
    assert let_in(bucket, "legrand", 9) == 1
    clock.advance(timedelta(minutes=5))
    assert let_in(bucket, "legrand", 9) == 5


def test_one_key_does_not_use_up_anothers(bucket: Bucket) -> None:
    assert let_in(bucket, "legrand", 9) == let_in(bucket, "kauri", 9) == 5


def test_who_waits_as_long_as_told_is_let_in_and_a_moment_less_is_not(bucket: Bucket, clock: FakeClock) -> None:
    let_in(bucket, "legrand", 5)
    wait = bucket.take("legrand")
    assert timedelta() < wait <= timedelta(seconds=1)

    clock.advance(wait - timedelta(milliseconds=5))
    assert bucket.take("legrand")
    clock.advance(timedelta(milliseconds=5))
    assert not bucket.take("legrand")


def test_of_many_at_once_over_all_replicas_no_more_are_let_in(db: Db, clock: FakeClock) -> None:
    replicas = [MongoBucket(db, "syncs", RATE, clock) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda n: replicas[n % 4].take("legrand"), range(40)))

    assert waits.count(timedelta()) == 5


def test_control_replicas_that_count_each_for_itself_let_in_more(clock: FakeClock) -> None:
    replicas = [MemoryBucket(RATE, clock) for _ in range(4)]

    assert sum(not replicas[n % 4].take("legrand") for n in range(40)) == 20


def test_a_process_does_not_remember_keys_for_ever(clock: FakeClock) -> None:
    bucket = MemoryBucket(RATE, clock, at_most=100)
    for n in range(1000):
        bucket.take(f"address-{n}")
        clock.advance(timedelta(seconds=1))

    assert len(bucket._used_up) <= 100


def test_what_is_refused_is_a_429_that_says_when_to_come_again(clock: FakeClock) -> None:
    app, bucket = Flask("rates"), MemoryBucket(Rate(at_once=1, a_minute=2), clock)
    problems.register(app)

    @app.get("/")
    def view() -> str:
        rates.take(bucket, "legrand")
        return "fine"

    client = app.test_client()
    assert client.get("/").status_code == 200
    refused = client.get("/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert refused.content_type == "application/problem+json"
    assert (refused.json or {})["type"] == "/api/problems/too-many"
