"""Sends webhooks: the one thread of the simulator, and only under HTTP. What is due when is the core's to say."""

import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

from xero_simulator.simulator import Simulator
from xero_simulator.webhooks import Delivery

_LOOK_EVERY_S = 0.2
_ANSWER_WITHIN_S = 5.0  # developer.xero.com, webhooks


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Xero follows none."""

    def redirect_request(self, *_: object) -> None:
        return None


def send(delivery: Delivery) -> str:
    """POST it; the status, or what is wrong with the answer: Xero wants neither a body nor cookies."""
    headers = {"Content-Type": "application/json; charset=utf-8", "x-xero-signature": delivery.signature}
    request = urllib.request.Request(delivery.url, delivery.body, headers)  # noqa: S310 - http(s) only, see Subscription
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_ANSWER_WITHIN_S) as answer:
            if answer.read(1) or answer.headers.get("Set-Cookie"):
                return f"{answer.status} with a body or a cookie"
            return str(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return str(refused.code)
    except OSError as error:
        return type(error).__name__


def start(simulator: Simulator) -> Callable[[], None]:
    """Deliver until the function that is returned is called."""
    stop = Event()

    def deliver(delivery: Delivery) -> None:
        simulator.webhook_ended(delivery, send(delivery))

    def run() -> None:
        with ThreadPoolExecutor(4) as pool:
            while not stop.wait(_LOOK_EVERY_S):
                for delivery in simulator.webhooks_due():
                    pool.submit(deliver, delivery)

    thread = Thread(target=run, name="webhooks", daemon=True)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end
