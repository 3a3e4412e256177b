"""After a run with everything logged, no secret is in any log, event, document or answer, however written.

Searched for: every code and token that the simulated Xero issued, its app's secret, and every key of our own; in
clear, in base64 and encoded for a URL.
"""

import base64
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from urllib.parse import quote, quote_plus

import bson
import pytest
import requests

from accounting_link.chassis import kafka, lag, mongo
from accounting_link.chassis.clock import SYSTEM_CLOCK
from accounting_link.chassis.messages import Outgoing, Publisher
from accounting_link.contracts.event import Scope
from accounting_link.contracts.people import Detail, PersonActed
from accounting_link.contracts.topics import ALL_TOPICS, Group
from accounting_link.contracts.words import Act
from deploy.local import services
from deploy.local.crm import Crm
from deploy.local.run import Platform
from tests.e2e.people import until_xero_is_told
from tests.e2e.test_flow import FINAL, until

Found = dict[str, set[str]]
PLACES = {"log", "event", "document", "answer"}
PLANTED = "planted-secret-Zm9v/+?&=-0123456789"
EVERYTHING = Group(name="secrets-search", topics=tuple(name for topic in ALL_TOPICS for name in topic.names()))


class Searched:
    """What was said in one run."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.answers: list[bytes] = []
        self.renewed: set[str] = set()  # what Xero issued in the place of an older token

    def places(self) -> Iterator[tuple[str, str, bytes]]:
        """Kind of place, its name, what is there."""
        for name in (*services.NAMES, *services.PARTS):
            if name != services.SIMULATOR:  # that is Xero, whose secrets these are
                yield "log", name, self.platform.log(name).read_bytes()
        yield from self._documents()
        yield from self._events()
        for place, answer in enumerate(self.answers):
            yield "answer", str(place), answer

    def _documents(self) -> Iterator[tuple[str, str, bytes]]:
        with mongo.database(self.platform.mongo_uri, "admin") as admin:
            for name in set(admin.client.list_database_names()) - {"admin", "config", "local"}:
                db = admin.client.get_database(name, codec_options=mongo.OPTIONS)
                for collection in db.list_collection_names():
                    documents = db[collection].find()
                    yield (
                        "document",
                        f"{name}.{collection}",
                        b"\n".join(bson.encode(document, codec_options=mongo.OPTIONS) for document in documents),
                    )

    def _events(self) -> Iterator[tuple[str, str, bytes]]:
        """To where each partition ended when this began: how long a broker says nothing is chance."""
        brokers, timeout = self.platform.address("broker"), timedelta(seconds=6)
        with closing(lag.KafkaBroker(brokers)) as broker:
            seen = broker.look([EVERYTHING])
        left = {place for place in lag.places_of(seen, EVERYTHING) if seen.oldest[place] < seen.ends[place]}
        with kafka.consumer(brokers, EVERYTHING, session_timeout=timeout, at_most=5000) as consumer:
            while left:
                for one in consumer.poll(5000, timedelta(seconds=1)):
                    left -= {place for place in left if place == one.place and one.offset >= seen.ends[place] - 1}
                    headers = b"\n".join(value or b"" for _, value in one.headers)
                    yield "event", one.place.topic, headers + b"\n" + (one.value or b"")


def ways_to_write(secret: str) -> set[bytes]:
    """In base64 also where it begins in the middle of three bytes."""
    raw, ways = secret.encode(), {secret, quote(secret, safe=""), quote_plus(secret)}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        whole = text[4 if shift else 0 : -1].decode()
        ways |= {whole, whole.replace("+", "-").replace("/", "_")}
    return {way.encode() for way in ways}


def search(places: Iterable[tuple[str, str, bytes]], secrets: Iterable[str]) -> Found:
    """Kind of place to the names of those that hold a secret."""
    needles = {way for secret in secrets for way in ways_to_write(secret)}
    found: Found = {}
    for kind, name, said in places:
        if any(needle in said for needle in needles):
            found.setdefault(kind, set()).add(name)
    return found


def issued(platform: Platform) -> list[str]:
    """By Xero, and our own."""
    xero = f"http://{platform.address('xero-simulator')}/simulator/issued-secrets"
    ours = platform.folder.secrets()
    pem = [line for line in ours.pop("SIGN_IN_KEY").splitlines() if line and "-----" not in line]
    named = [ours[name] for name in ("CALLER_KEY", "VAULT_KEYS", "AUTH_LINK_SERVICE_KEY", "SIMULATOR_CLIENT_SECRET")]
    return [*requests.get(xero, timeout=60).json()["items"], *named, *pem]


@pytest.fixture(scope="module")
def searched(platform: Platform) -> Searched:
    """Everything once, logged at DEBUG: connect, sync, a token renewed, one refused, a code shown again, disconnect."""
    ours = [process.name for process in services.PROCESSES]
    for name in ours:
        platform.override(name, LOG_LEVEL="DEBUG")
        platform.kill(name)
    for name in ours:
        platform.wait_restarted(name, timeout=300)  # all at once, which takes a busy machine minutes
    platform.wait_ready()
    made = Searched(platform)
    crm = Crm(platform.public_url)
    crm.sign_in("legrand:admin")
    connection = crm.connect()
    until(lambda: crm.knows(f"/settings/{connection}"))
    before, token = set(issued(platform)), token_of(platform, connection)
    synced(crm, connection)
    assert token_of(platform, connection) == token  # the control: while its token is good for long, a sync renews none
    run_out(platform)
    synced(crm, connection)
    made.renewed = set(issued(platform)) - before
    made.answers += unhappy(platform, connection)
    answer = crm._session.delete(f"{platform.public_url}/api/v1/connections/{connection}", timeout=30)
    made.answers.append(answer.content)
    until_xero_is_told(platform, connection)
    return made


def synced(crm: Crm, connection: str) -> None:
    sync = crm.post("/syncs", {"connection_id": connection, "kind": "full"})["id"]
    until(lambda: crm.get(f"/syncs/{sync}")["state"] in FINAL)
    assert crm.get(f"/syncs/{sync}")["state"] == "completed"


def token_of(platform: Platform, connection: str) -> str:
    """Which one it lives by. Other connections may renew theirs at any time."""
    with mongo.database(platform.mongo_uri, "auth_link") as db:
        [known] = db.connections.find({"_id": connection})
        [tokens] = db.token_sets.find({"_id": known["token_set_id"]})
    return str(tokens["fingerprint"])


def run_out(platform: Platform) -> None:
    """Soon, as auth-link knows it; and xero-adapter remembers no token."""
    with mongo.database(platform.mongo_uri, "auth_link") as db:
        soon = SYSTEM_CLOCK.now() + timedelta(minutes=1)
        assert db.token_sets.update_many({}, {"$set": {"expires_at": soon}}).modified_count
    platform.kill("xero-adapter-bulk")
    platform.wait_restarted("xero-adapter-bulk")


def unhappy(platform: Platform, connection: str) -> Iterator[bytes]:
    """Questions that hold a secret and are refused; what is answered, headers and all."""
    token, key = issued(platform)[1], platform.folder.secrets()["AUTH_LINK_SERVICE_KEY"]
    inside = f"http://{platform.address('auth-link')}/internal/connections/{connection}/token"
    asked: list[tuple[str, str, dict[str, object]]] = [
        ("GET", f"{platform.public_url}/api/v1/oauth/xero/callback?code={token}&state={token}", {}),
        ("GET", f"{platform.public_url}/api/v1/me", {"headers": {"Authorization": f"Bearer {token}"}}),
        ("POST", inside, {"headers": {"Authorization": f"Bearer {token}"}}),
        ("POST", inside, {"headers": {"Authorization": f"Bearer {key}"}, "json": {token: token}}),
        ("POST", inside, {"headers": {"Authorization": f"Bearer {key}"}, "data": token}),
    ]
    for method, url, more in asked:
        answer = requests.request(method, url, timeout=30, allow_redirects=False, **more)  # type: ignore[arg-type]
        yield answer.content + b"\n" + repr(dict(answer.headers)).encode()


def test_no_secret_is_anywhere_after_a_run_with_everything_logged(searched: Searched) -> None:
    secrets = issued(searched.platform)
    assert len(secrets) > 10
    assert len(searched.renewed & set(secrets)) >= 2  # an access token and the refresh token that came with it

    looked = list(searched.places())

    assert {kind for kind, _, _ in looked} == PLACES
    assert sum(len(said) for _, _, said in looked) > 1_000_000
    told = [searched.platform.environment(process.name)["LOG_LEVEL"] for process in services.PROCESSES]
    assert set(told) == {"DEBUG"}
    assert search(looked, secrets) == {}


def test_control_secrets_that_were_planted_each_written_its_own_way_are_found_in_each_place(searched: Searched) -> None:
    secrets = [f"{number}{PLANTED}" for number in range(len(ways_to_write(PLANTED)))]
    for number, secret in enumerate(secrets):
        plant(searched, sorted(ways_to_write(secret))[number].decode())

    looked = list(searched.places())
    for secret in secrets:
        assert search(looked, [secret]).keys() == PLACES, secret


def plant(searched: Searched, text: str) -> None:
    platform = searched.platform
    with platform.log("crm-frontend").open("a") as log:
        log.write(f"planted: {text}\n")
    searched.answers.append(text.encode())
    event = PersonActed(
        act=Act.CONNECTED,
        about="planted",
        by="nobody",
        by_name="",
        address="",
        at=SYSTEM_CLOCK.now(),
        details=(Detail(name="planted", value=text),),
    )
    with kafka.transport(platform.address("broker")) as transport:
        publisher = Publisher(transport, source="/test", clock=SYSTEM_CLOCK)
        publisher.confirmed([Outgoing(event=event, scope=Scope(account_id="planted", connection_id="planted"))])
    with mongo.database(platform.mongo_uri, "logs") as db:
        db.planted.insert_one({"deep": [{"text": text}], "at": SYSTEM_CLOCK.now()})
