"""Every metric of crm-writer's workers."""

from prometheus_client import Counter, Gauge, Histogram

RECORDS = Counter(
    "crm_writer_records_total", "Outcomes told, by kind of record and what was done with it.", ["kind", "result"]
)
UNREADABLE = Counter("crm_writer_unreadable_total", "Messages set aside as dead letters.")
DRAINED = Counter("crm_writer_drained_total", "Stream end marks reached: all before them is written and told.")
REMOVED = Counter("crm_writer_removed_records_total", "Xero records taken out by a person who removed imports.")
OUTBOX = Gauge("crm_writer_outbox_rows", "What people asked of Xero and what is told of it, not yet given to Kafka.")
BATCH_RECORDS = Histogram(
    "crm_writer_batch_records", "Messages in one batch.", buckets=(1, 10, 50, 100, 250, 500, 1000, 2500, 5000)
)
BATCH_SECONDS = Histogram(
    "crm_writer_batch_seconds",
    "Time to write and tell one batch.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
