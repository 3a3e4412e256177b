"""deploy/compose/compose.yaml as data: it is what the runner says, and closed."""

import inspect
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

from accounting_link.chassis import topics
from accounting_link.chassis.faults import FaultPoint
from accounting_link.describe.settings import OTHERWISE, asked_by
from deploy.local import parts, services
from deploy.local.services import PROCESSES, Process
from tests.compose import (
    FILE,
    FOLDER,
    SIMULATOR,
    MissingError,
    Node,
    Project,
    published,
    run_secrets,
    secrets,
    variables,
)

XERO = {"XERO_CLIENT_ID": "our-app", "XERO_CLIENT_SECRET": "its-secret"}
# What only containers need to be told: the runner has the defaults.
BESIDE = {"XERO_PLAIN_HTTP_HOSTS", "SIGN_IN_ISSUER", "SIGN_IN_AUDIENCE"}
GUNICORN = {asked.name for asked in OTHERWISE[:4]}


@pytest.fixture(scope="module")
def given() -> dict[str, str]:
    return {**secrets(), **XERO}


@pytest.fixture(scope="module")
def project(given: Mapping[str, str]) -> Project:
    return Project(given)


@pytest.fixture(scope="module")
def text() -> str:
    return FILE.read_text()


def is_valid(file: Path) -> bool:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    return subprocess.run(check, capture_output=True, timeout=60).returncode == 0


def test_the_file_is_what_the_compose_specification_allows() -> None:
    assert is_valid(FILE)


def test_control_a_word_that_the_specification_does_not_know_is_found(text: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(text.replace("    healthcheck:", "    healthchek:", 1))
    assert not is_valid(tmp_path / "compose.yaml")


# -- the same as the runner


def read_by(process: Process) -> set[str]:
    """The names that its settings ask the environment for."""
    module = import_module(f"{process.package}.web" if process.kind == "web" else process.package)
    found = {each for each in vars(module).values() if inspect.isclass(each) and hasattr(each, "from_env")}
    (kind,) = found - {FaultPoint}
    return {asked.name for asked in asked_by(kind)} | (GUNICORN if process.kind == "web" else set())


# What the runner's words name beside the processes.
KEPT = ("CALLER_KEY", "AUTH_LINK_SERVICE_KEY", "VAULT_KEYS", "SIGN_IN_KEY", "SIMULATOR_CLIENT_ID")
NAMED = (*KEPT, "SIMULATOR_CLIENT_SECRET", "mongo_uri", "public", "gateway_port")
CONTEXT = {name: f"{name}:1" for name in (*services.PARTS, *services.NAMES, *NAMED)}


def differing(project: Project) -> list[str]:
    """What the file says otherwise than deploy/local/services.py."""
    known = {*services.PARTS, *services.NAMES, "topics"}
    found = [f"{name} is no process of ours" for name in set(project.services) - known]
    for process in PROCESSES:
        found += [f"{process.name} {what}" for what in differences(process, project.services.get(process.name, {}))]
    return found


def differences(process: Process, service: Node) -> list[str]:
    unit = process.unit(1, CONTEXT, Path("metrics"))
    told, said, read = service.get("environment", {}), unit.environment, read_by(process)
    ways = {
        "has another command": service.get("command") != ["python", *unit.command[1:]],
        "has other needs": set(service.get("depends_on", ())) != set(unit.needs),
        "has another lane": told.get("LANE") != said.get("LANE"),
    }
    return [
        *(way for way, is_so in ways.items() if is_so),
        *(f"lacks {name}" for name in set(said) & read - set(told)),
        *(f"does not read {name}" for name in set(told) - read),
        *(f"alone is told {name}" for name in set(told) - set(said) - BESIDE),
    ]


def test_every_process_is_started_as_the_runner_does_and_told_what_it_reads_and_no_more(
    project: Project,
) -> None:
    assert differing(project) == []


@pytest.mark.parametrize(
    ("said", "instead", "found"),
    [
        ("  log-service-worker:", "  logs:", ["log-service-worker has another command", "logs is no process"]),
        ("auth_link.main]", "auth_link.web]", ["auth-link-worker has another command"]),
        (
            "AUTH_LINK_URL:",
            "AUTH_LINK:",
            ["xero-adapter-bulk lacks AUTH_LINK_URL", "interactive alone is told AUTH_LINK"],
        ),
        (
            "<<: [*web-told, *public]",
            "<<: [*web-told, *public, *mongo]",
            ["crm-frontend does not read MONGO_URI"],
        ),
        ("<<: *adapter, LANE: bulk", "<<: *adapter, LANE: interactive", ["xero-adapter-bulk has another lane"]),
        ("<<: [*ours, *needs]", "<<: [*ours]", ["log-service-worker has other needs"]),
    ],
)
def test_control_what_is_left_out_renamed_or_too_much_is_found(
    text: str, given: Mapping[str, str], said: str, instead: str, found: list[str]
) -> None:
    assert said in text
    told = "\n".join(differing(Project(given, text.replace(said, instead))))
    assert [what for what in found if what not in told] == []


def test_topics_are_made_by_the_runners_command_and_told_what_it_reads(project: Project) -> None:
    unit = services.topics(CONTEXT, embedded=False)
    made = project.services["topics"]
    read = {asked.name for asked in asked_by(topics.Settings)}

    assert made["command"] == ["python", *unit.command[1:]]
    assert set(made["environment"]) == set(unit.environment) & read
    assert set(made["depends_on"]) == set(unit.needs)


def test_the_simulator_is_the_runners(project: Project) -> None:
    unit = services.simulator(8900, CONTEXT, Path("data"))
    made = project.services[services.SIMULATOR]

    assert [*made["command"]] == ["python", *(word.replace(parts.HOST, "0.0.0.0") for word in unit.command[1:])]
    assert set(made["environment"]) == set(unit.environment)


def test_the_gateway_has_the_one_caddyfile_and_is_told_what_it_reads(project: Project) -> None:
    gateway = project.services["gateway"]
    caddyfile = parts.CADDYFILE.read_text()

    assert (FOLDER / gateway["volumes"][0].partition(":")[0]).resolve() == parts.CADDYFILE
    assert set(services.GATEWAY) - set(gateway["environment"]) == set()
    unread = {name for name in gateway["environment"] if f"{{${name}" not in caddyfile}
    assert unread == {"XDG_DATA_HOME", "XDG_CONFIG_HOME"}  # Caddy's own


def test_mongod_is_started_as_the_runner_does(project: Project, tmp_path: Path) -> None:
    here = {"--dbpath", str(tmp_path), "--port", "12345", "--bind_ip", parts.HOST}
    asked = [word for word in parts.mongod(tmp_path, 12345).command[1:] if word not in here]

    assert project.services["mongod"]["command"] == ["mongod", "--bind_ip_all", *asked]
    assert "transactionLifetimeLimitSeconds=15" in asked


def test_the_broker_is_the_kafka_that_the_runner_knows_with_its_settings(project: Project) -> None:
    broker = project.services["broker"]
    told = {name.removeprefix("KAFKA_") for name in broker["environment"]} - {"CLUSTER_ID", "HEAP_OPTS"}
    known = {line.partition("=")[0] for line in parts._KAFKA_CONFIG.splitlines()}
    # For tests, where nobody waits, and for one small machine.
    left = {"broker.heartbeat.interval.ms", "broker.session.timeout.ms", "group.min.session.timeout.ms"}
    small = {"offsets.topic.num.partitions", "transaction.state.log.num.partitions"}

    assert broker["image"] == f"apache/kafka:{parts.KAFKA_VERSION}"
    assert {name.lower().replace("_", ".") for name in told} == known - left - small


# -- closed


def test_only_the_gateway_can_be_reached_and_only_from_this_machine_unless_it_is_said(
    project: Project, given: Mapping[str, str]
) -> None:
    reached = {name: service["ports"] for name, service in project.services.items() if "ports" in service}

    assert set(reached) == {"gateway", services.SIMULATOR}  # and Xero's stand-in, whose pages are for browsers
    assert all(port.startswith("127.0.0.1:") for ports in reached.values() for port in ports)
    assert set(published(project.services["gateway"])) == {8443, 8080}
    wide = Project({**given, "GATEWAY_PUBLISH": "0.0.0.0"})
    assert all(port.startswith("0.0.0.0:") for port in wide.services["gateway"]["ports"])
    assert wide.services[services.SIMULATOR]["ports"] == ["127.0.0.1:8900:8900"]


def test_the_simulator_is_there_for_who_asks_and_without_it_everything_is_on_xero(project: Project) -> None:
    assert project.services[services.SIMULATOR]["profiles"] == ["simulator"]
    assert [name for name, service in project.services.items() if "profiles" in service] == [services.SIMULATOR]
    told = {text for s in PROCESSES for text in project.services[s.name]["environment"].values()}
    assert not [text for text in told if services.SIMULATOR in text]
    assert set(services.REAL_XERO.values()) <= told


def test_control_with_its_settings_everything_is_on_the_simulator(given: Mapping[str, str]) -> None:
    project = Project({**given, **variables(SIMULATOR.read_text())})
    told = {text for s in PROCESSES for text in project.services[s.name]["environment"].values()}

    assert not set(services.REAL_XERO.values()) & told
    assert "xero.com" not in " ".join(told)


# Who must write beside its own folders, and who must have a right; the file says why.
WRITES, RIGHTS = {"broker"}, {"gateway": ["NET_BIND_SERVICE"]}


def open_ways(name: str, service: Node) -> list[str]:
    once = name == "topics"
    rules = {
        "writes": service.get("read_only") is not (name not in WRITES),
        "has rights": (service.get("cap_drop"), service.get("cap_add")) != (["ALL"], RIGHTS.get(name)),
        "may gain rights": service.get("security_opt") != ["no-new-privileges:true"],
        "stays away": service.get("restart") != ("on-failure" if once else "unless-stopped"),
        "is not asked how it is": not once and "test" not in service.get("healthcheck", {}),
        "logs without end": "max-file" not in service.get("logging", {}).get("options", {}),
    }
    return [f"{name} {rule}" for rule, is_broken in rules.items() if is_broken]


def test_every_container_is_closed_comes_back_and_says_how_it_is(project: Project) -> None:
    assert [way for name, service in project.services.items() for way in open_ways(name, service)] == []


@pytest.mark.parametrize("rule", ["read_only", "cap_drop", "security_opt", "restart", "healthcheck", "logging"])
def test_control_a_container_that_is_not_is_found(project: Project, rule: str) -> None:
    service = project.services["crm-frontend"]
    assert open_ways("crm-frontend", service) == []
    assert len(open_ways("crm-frontend", {name: said for name, said in service.items() if name != rule})) == 1


def test_databases_and_brokers_are_on_no_network_that_leads_outside(project: Project) -> None:
    networks: dict[str, Node] = project.node["networks"]
    inside = {name for name, network in networks.items() if network.get("internal")}

    assert inside == {"data", "inside"}
    for part in services.PARTS:
        assert project.services[part]["networks"] == ["data"]
    both = [name for name, service in project.services.items() if {"data", "outside"} <= set(service["networks"])]
    assert both == ["auth-link", "auth-link-worker", "xero-adapter-bulk", "xero-adapter-interactive"]  # who calls Xero
    assert "data" not in project.services["gateway"]["networks"] + project.services["crm-frontend"]["networks"]


# -- what must be given


@pytest.mark.parametrize(
    "name", ["CALLER_KEY", "AUTH_LINK_SERVICE_KEY", "VAULT_KEYS", "SIGN_IN_KEY", "XERO_CLIENT_ID", "XERO_CLIENT_SECRET"]
)
def test_what_is_missing_is_named_with_what_to_do(given: Mapping[str, str], name: str) -> None:
    for value in ({}, {name: ""}):
        with pytest.raises(MissingError, match=f"{name}: .*(secrets.sh|developer.xero.com)"):
            Project({**{other: text for other, text in given.items() if other != name}, **value})


def test_the_example_holds_no_secret_and_names_what_the_file_asks_for(text: str) -> None:
    example = (FOLDER / ".env.example").read_text()
    given = variables(example)

    assert not [value for value in given.values() if value]
    asked = {part.partition("}")[0].partition(":")[0].partition("-")[0] for part in text.split("${")[1:]}
    named = {line.lstrip("#").partition("=")[0] for line in example.splitlines() if "=" in line}
    simulated = {*variables(SIMULATOR.read_text()), "SIMULATOR_CONTACTS", "SIMULATOR_INVOICES"}
    assert asked - named - set(secrets()) - simulated == {"VERSION", "AUTO_SIGN_IN", "KAFKA_CLUSTER_ID"}
    assert named - asked == set()


def test_keys_are_new_each_time_and_never_made_over_those_there_are(tmp_path: Path) -> None:
    first, second = secrets(), secrets()
    assert len(first) == 4
    assert [name for name in first if first[name] == second[name]] == []

    (tmp_path / ".env").write_text(run_secrets(tmp_path).stdout)
    again = run_secrets(tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "already" in again.stderr
