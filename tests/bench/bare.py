"""The bare pipeline: what any program must do that brings records from a topic to MongoDB, in the least code.

No validation, no mapping, no money, no transaction, no outcome, no log, no index, no retry.
"""

import threading
from typing import Any

import msgspec
from kafka import KafkaConsumer
from pymongo import MongoClient

DATABASE = "bench_bare"


class Bare:
    def __init__(self, brokers: str, mongo_uri: str, topic: str) -> None:
        self._consumer = KafkaConsumer(
            topic,
            bootstrap_servers=brokers,
            group_id="bench-bare",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=1000,
            session_timeout_ms=6000,
            heartbeat_interval_ms=1000,
        )
        self._client: MongoClient[dict[str, Any]] = MongoClient(mongo_uri)
        self._invoices = self._client[DATABASE].invoices
        self.done = 0

    def run(self, until: threading.Event) -> None:
        while not until.is_set():
            self.turn()

    def turn(self) -> int:
        polled = self._consumer.poll(timeout_ms=200)
        events = [msgspec.json.decode(record.value) for records in polled.values() for record in records]
        documents = [{"_id": event["xero_id"], **event} for event in events]
        if documents:
            ids = [document["_id"] for document in documents]
            known = {document["_id"] for document in self._invoices.find({"_id": {"$in": ids}}, {"_id": 1})}
            if new := [document for document in documents if document["_id"] not in known]:
                self._invoices.insert_many(new, ordered=False)
            self._consumer.commit()
        self.done += len(documents)
        return len(documents)

    def is_assigned(self) -> bool:
        return bool(self._consumer.assignment())
