"""``python -m deploy.local demo|up|status|logs|kill``: what the Makefile's Run group calls.

Told by the environment: STATE (folder, default .demo), BROKER (embedded or kafka), PORT (the gateway's), PORTS
("mongod=27017 broker=9092"), ONCE=1, FRESH=1, JSON=1, REF, SERVICE, SIMULATOR_... for the simulator, and for `up` on
Xero itself XERO_CLIENT_ID and XERO_CLIENT_SECRET.
"""

import os
import signal
import sys
from collections.abc import Mapping

from deploy.local import demo, services, show
from deploy.local.crm import DemoFailedError
from deploy.local.parts import PartMissingError
from deploy.local.run import Platform, StartFailedError
from deploy.local.state import AlreadyRunningError, StateFolder, is_free

STDOUT = 1


def main(action: str, env: Mapping[str, str]) -> int:
    folder = StateFolder(env.get("STATE") or ".demo")
    if action in ("status", "logs"):
        # Their reader may have seen enough (`make status | head`): end quietly then, as other tools do.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if action == "status":
        show.status(folder, as_json=env.get("JSON") == "1")
    elif action == "logs":
        show.logs(folder, env.get("REF", ""))
    elif action == "kill":
        show.kill(folder, env.get("SERVICE", ""))
    elif action == "demo" and env.get("XERO_CLIENT_ID"):
        return _sorry("The demo is for the simulator; on Xero itself: make up XERO_CLIENT_ID=… XERO_CLIENT_SECRET=…")
    elif action in ("demo", "up"):
        return run(action, folder, env)
    else:
        sys.exit(__doc__)
    return 0


def run(action: str, folder: StateFolder, env: Mapping[str, str]) -> int:
    """Start everything, drive the demo, stay until Ctrl-C; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    once = env.get("ONCE") == "1"
    code = 0
    try:
        folder.hold()
        if env.get("FRESH") == "1":
            folder.clear()
        print(f"Starting MongoDB, a Kafka broker, the services and the gateway (logs: {folder.path}/logs)", flush=True)
        with platform_of(folder, env) as platform:
            if action == "demo":
                code = demo.run(platform, once=once)
            if not once:
                print(f"Ready: {platform.public_url}/", flush=True)
                platform.wait()
                code = 1
    except KeyboardInterrupt:
        code = 0
    except AlreadyRunningError as held:
        code = _sorry(f"{held}. See it with `make status`, or choose another folder with STATE=…")
    except (WrongSettingError, PartMissingError, StartFailedError, DemoFailedError) as problem:
        code = _sorry(str(problem))
    return code


def platform_of(folder: StateFolder, env: Mapping[str, str]) -> Platform:
    """Everything; with XERO_CLIENT_ID and XERO_CLIENT_SECRET on Xero itself, else on the simulator."""
    broker = env.get("BROKER") or "embedded"
    if broker not in ("embedded", "kafka"):
        raise WrongSettingError(f"BROKER={broker} is neither `embedded` nor `kafka`.")
    if not env.get("XERO_CLIENT_ID"):
        simulator = {name: value for name, value in env.items() if name.startswith("SIMULATOR_")}
        return Platform(folder, broker, ports=ports(env), overrides={services.SIMULATOR: simulator})
    overrides = services.real_xero(env["XERO_CLIENT_ID"], env.get("XERO_CLIENT_SECRET", ""))
    names = [name for name in services.NAMES if name != services.SIMULATOR]
    given = {"gateway": 8080, **ports(env)}  # the same each time, for the app's redirect URI names it
    print(f"The app's redirect URI: http://localhost:{given['gateway']}/api/v1/oauth/xero/callback", flush=True)
    return Platform(folder, broker, services=names, ports=given, overrides=overrides, host="localhost")


def ports(env: Mapping[str, str]) -> dict[str, int]:
    """The ports that were given; all others are free ones."""
    given = dict(pair.split("=", 1) for pair in env.get("PORTS", "").split())
    if env.get("PORT"):
        given["gateway"] = env["PORT"]
    for name, port in given.items():
        if not port.isdigit() or not 0 < int(port) < 65_536:
            raise WrongSettingError(f"{port!r} is no port for {name}; take a number from 1024 to 65535.")
        if not is_free(int(port)):
            raise WrongSettingError(f"Port {port}, meant for {name}, is taken. Choose another, or give none.")
    return {name: int(port) for name, port in given.items()}


class WrongSettingError(Exception):
    """Something given on the command line cannot be used; the message says what to give instead."""


def _interrupt(*_: object) -> None:
    """Stop once: a second Ctrl-C must not stop the stopping."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Not by print, which may be what was interrupted: in the middle of a line it does not let itself be called again.
    os.write(STDOUT, "\nStopping everything …\n".encode())
    raise KeyboardInterrupt


def _sorry(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else "help", os.environ))
