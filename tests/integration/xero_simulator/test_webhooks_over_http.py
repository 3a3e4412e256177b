"""Webhooks as they arrive at an app: raw bytes over HTTP, signed, and a slow or wordy answer is a failure."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.integration.xero_simulator.conftest import EVERY_SCOPE, Served
from xero_simulator import postman

KEY = "a webhook key"


class App:
    """Somebody who receives webhooks; ``wordy`` answers a body, which Xero does not want."""

    def __init__(self) -> None:
        self.received: Queue[dict[str, Any]] = Queue()
        self.wordy = False

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.answer(Request(environ))(environ, start_response)

    def answer(self, request: Request) -> Response:
        raw = request.get_data()
        signature = base64.b64encode(hmac.new(KEY.encode(), raw, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(signature, request.headers["x-xero-signature"]):
            return Response(status=401)
        said = Response("thank you" if self.wordy else None, 200)  # before the test goes on and changes it
        self.received.put(json.loads(raw))
        return said


@pytest.fixture
def app(served: Served) -> Iterator[App]:
    app = App()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stop = postman.start(served.simulator)
    asked = {"url": f"http://127.0.0.1:{server.server_port}/", "key": KEY}
    assert requests.post(f"{served.url}/simulator/webhooks", json=asked, timeout=60).status_code == 201
    for _ in range(3):
        assert app.received.get(timeout=60)["events"] == []
    yield app
    stop()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_change_made_in_xero_arrives_signed_and_names_the_record(served: Served, app: App) -> None:
    served.consent(EVERY_SCOPE)
    until_ok(served)
    ids = served.simulator.touch_some(served.tenants[0], "invoice", 2)
    told = app.received.get(timeout=60)
    assert [event["resourceId"] for event in told["events"]] == ids
    assert (told["firstEventSequence"], told["lastEventSequence"]) == (1, 2)


def test_an_answer_with_a_body_is_a_failure_and_the_delivery_comes_again(served: Served, app: App) -> None:
    served.consent(EVERY_SCOPE)
    until_ok(served)
    app.wordy = True
    served.simulator.touch_some(served.tenants[0], "contact", 1)
    first = app.received.get(timeout=60)
    app.wordy = False
    until(served, lambda told: any(one["outcomes"] for one in told["waiting"]))  # the failure is heard of
    served.simulator.advance_clock(6)
    assert app.received.get(timeout=60) == first


def until_ok(served: Served) -> None:
    """The last answer to the intent may still be on its way back."""
    until(served, lambda told: told["status"] == "ok")


def until(served: Served, true: Callable[[dict[str, Any]], bool]) -> None:
    for _ in range(3000):
        if true(requests.get(f"{served.url}/simulator/webhooks", timeout=60).json()):
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come true in a minute")
