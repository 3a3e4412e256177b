"""Faults by rule: which calls they hit, what they do to an answer. Rules live in memory, not in the journal."""

import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from xero_simulator.accounting import Answer
from xero_simulator.wire import MARK, Doc, decode, encode

# kind -> what else it may be told, with what it takes for granted
KINDS: dict[str, Doc] = {
    "latency": {"seconds": 1.0},
    "status": {"status": 500},
    "hang": {"seconds": 30.0},
    "reset": {},
    "malformed": {},
    "answer": {"status": 200, "body": "", "content_type": "text/html"},
    "rewrite": {"pattern": "", "by": ""},
    "header": {"name": "", "value": ""},
    "ignore": {"name": ""},
    "repeat": {},
    "cut_gzip": {},
    "throttle": {"retry_after": 5, "problem": "minute"},
    "token_death": {},
    "unclaimed": {"name": ""},
    "poison": {"record": "", "record_kind": "invoice", "how": "total_list"},
    "large": {"record": "", "record_kind": "invoice", "bytes": 2_000_000},
    "edit": {"records": 1, "record_kind": "invoice"},
}


def _total_is_a_list(doc: Doc) -> None:
    doc["Total"] = [doc.get("Total")]


def _updated_is_nonsense(doc: Doc) -> None:
    doc["UpdatedDateUTC"] = "the day before yesterday"


def _no_contact(doc: Doc) -> None:
    doc.pop("Contact", None)


def _no_id(doc: Doc) -> None:
    doc.pop("InvoiceID", None)
    doc.pop("ContactID", None)


def _total_is_no_json(doc: Doc) -> None:
    doc["Total"] = f"{MARK}1O0{MARK}"


HOW: dict[str, Callable[[Doc], None]] = {
    "bad_json": _total_is_no_json,
    "total_list": _total_is_a_list,
    "updated_nonsense": _updated_is_nonsense,
    "no_contact": _no_contact,
    "no_id": _no_id,
}


class RuleError(Exception):
    """A rule that the simulator does not understand."""


@dataclass(slots=True, kw_only=True)
class Rule:
    """One fault. ``path`` is searched for as a regular expression in the call's path below the API's root.

    Hits calls of ``tenant`` (None: of all) after the first ``after`` that match, ``count`` times (None: always), each
    with ``probability``. ``more`` is what its kind needs, see KINDS.
    """

    id: int
    kind: str
    path: str = ""
    tenant: str | None = None
    count: int | None = None
    after: int = 0
    probability: float = 1.0
    hits: int = 0
    more: Doc = field(default_factory=dict)

    def matches(self, tenant: str, path: str) -> bool:
        spent = self.count is not None and self.hits >= self.count
        return not spent and self.tenant in (None, tenant) and re.search(self.path, path) is not None

    def spoil(self, raw: bytes) -> bytes:
        """The record's JSON as this rule sends it."""
        doc = decode(raw)
        if self.kind == "poison":
            HOW[self.more["how"]](doc)
        else:
            doc["LineItems"][0]["Description"] = "x" * self.more["bytes"]
        return encode(doc)


class Faults:
    """The rules in force. Not thread-safe: the simulator's lock is held around every method."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._made = 0
        self.rules: list[Rule] = []

    def add(self, asked: Mapping[str, Any]) -> Rule:
        """Raises RuleError for what is not understood, and adds nothing then."""
        kind = str(asked.get("kind"))
        if kind not in KINDS:
            raise RuleError(f"kind must be one of {', '.join(KINDS)}")
        common = {name: asked[name] for name in _COMMON if name in asked}
        more = {name: asked.get(name, usual) for name, usual in KINDS[kind].items()}
        unknown = asked.keys() - common.keys() - more.keys() - {"kind"}
        if unknown or more.get("how", "no_id") not in HOW or ("name" in more and not more["name"]):
            raise RuleError(f"{kind} does not know {', '.join(sorted(unknown)) or more}")
        if "record_kind" in more:
            common.setdefault("path", f"^/{str(more['record_kind']).capitalize()}s")
        self._made += 1
        rule = Rule(id=self._made, kind=kind, more=more, **common)
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: int | None) -> None:
        """One rule, or all."""
        self.rules = [rule for rule in self.rules if rule_id is not None and rule.id != rule_id]

    def take(self, tenant: str, path: str) -> dict[str, list[Rule]]:
        """The rules that hit this call, by kind; each is counted as used."""
        hit: dict[str, list[Rule]] = {}
        for rule in self.rules:
            if not rule.matches(tenant, path):
                continue
            if rule.after > 0:
                rule.after -= 1
            elif self._random.random() < float(rule.probability):
                rule.hits += 1
                hit.setdefault(rule.kind, []).append(rule)
        return hit


def unheard(sent: Mapping[str, str], rules: list[Rule]) -> Mapping[str, str]:
    """Parameters or headers without those that Xero is to ignore."""
    ignored = {str(rule.more["name"]).lower() for rule in rules}
    return {name: value for name, value in sent.items() if name.lower() not in ignored} if ignored else sent


def damaged(answer: Answer, hit: Mapping[str, list[Rule]], before: Answer | None) -> Answer:
    """The answer as the rules send it; ``before`` is what the same path was answered the last time."""
    if before and "repeat" in hit:
        answer = replace(answer, status=before.status, body=before.body)
    for rule in hit.get("answer", []):
        headers = {**answer.headers, "Content-Type": rule.more["content_type"]}
        answer = replace(answer, status=rule.more["status"], headers=headers, body=rule.more["body"].encode())
    for rule in hit.get("rewrite", []):
        body = re.sub(rule.more["pattern"].encode(), rule.more["by"].encode(), answer.body)
        answer = replace(answer, body=body)
    for rule in hit.get("header", []):
        others = {name: value for name, value in answer.headers.items() if name != rule.more["name"]}
        told = {rule.more["name"]: rule.more["value"]} if rule.more["value"] else {}
        answer = replace(answer, headers={**others, **told})
    if "malformed" in hit:
        answer = replace(answer, body=answer.body[: len(answer.body) // 2])
    if "cut_gzip" in hit:
        packed = gzip.compress(answer.body)
        answer = replace(answer, body=packed[: len(packed) // 2])
        answer = replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"})
    return replace(answer, broken="reset") if "reset" in hit else answer


_COMMON = ("path", "tenant", "count", "after", "probability")
