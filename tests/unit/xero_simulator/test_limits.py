"""Rate limits: refused past each of them, told in headers, and let go when time passes."""

import threading

import pytest

from tests.unit.xero_simulator.conftest import FakeClock, World
from xero_simulator.simulator import Simulator


@pytest.fixture
def limited(world: World) -> World:
    world.simulator.behave({"limits": True})
    return world


def test_the_sixty_first_call_of_a_minute_is_refused_and_let_in_when_told(limited: World) -> None:
    answers = [limited.answer("/Organisation") for _ in range(61)]
    assert [a.status for a in answers] == [200] * 60 + [429]
    assert answers[0].headers["X-MinLimit-Remaining"] == "59"
    assert answers[0].headers["X-AppMinLimit-Remaining"] == "9999"
    assert answers[-1].headers["X-Rate-Limit-Problem"] == "minute"
    limited.clock.advance(seconds=int(answers[-1].headers["Retry-After"]) - 1)
    assert limited.answer("/Organisation").status == 429
    limited.clock.advance(seconds=1)
    assert limited.answer("/Organisation").status == 200


def test_limits_that_are_off_refuse_nobody(world: World) -> None:
    assert {world.answer("/Organisation").status for _ in range(200)} == {200}


def test_one_organisation_out_of_calls_does_not_stop_another(limited: World) -> None:
    for _ in range(61):
        limited.answer("/Organisation")
    limited.seed(5, 5, number=8)
    assert limited.answer("/Organisation").status == 200


def test_the_day_ends_at_midnight_utc(limited: World) -> None:
    limited.simulator.behave({"day": 3})
    answers = [limited.answer("/Organisation") for _ in range(4)]
    assert [a.headers["X-DayLimit-Remaining"] for a in answers] == ["2", "1", "0", "0"]
    assert (answers[3].status, answers[3].headers["X-Rate-Limit-Problem"]) == (429, "day")
    limited.clock.advance(seconds=int(answers[3].headers["Retry-After"]))
    assert limited.answer("/Organisation").status == 200


def test_the_app_has_a_minute_of_its_own_over_all_organisations(limited: World) -> None:
    limited.simulator.behave({"app_minute": 2})
    limited.answer("/Organisation")
    limited.seed(5, 5, number=8)
    assert limited.answer("/Organisation").status == 200
    assert limited.answer("/Organisation").headers["X-Rate-Limit-Problem"] == "appminute"


def test_a_sixth_call_at_once_is_refused_and_the_five_are_not() -> None:
    inside, go = threading.Semaphore(0), threading.Event()

    def wait(_: float) -> None:
        inside.release()
        go.wait(120)

    clock = FakeClock()
    limited = World(clock, Simulator(clock, check_tokens=False, pause=wait)).seed(5, 5)
    limited.simulator.add_fault({"kind": "latency", "count": 5})
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(limited.answer("/Organisation").status)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert inside.acquire(timeout=60)
    sixth = limited.answer("/Organisation")
    assert (sixth.status, sixth.headers["X-Rate-Limit-Problem"]) == (429, "concurrent")
    go.set()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 5
    assert limited.answer("/Organisation").status == 200
