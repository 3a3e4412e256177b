"""Being asked to stop: SIGTERM and Ctrl-C set an event; whoever loops looks at it."""

import signal
import threading


def asked_to_stop() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
