"""Every metric of xero-adapter."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("xero_adapter_calls_total", "Calls to Xero, by stream and what came of them.", ["stream", "result"])
CALL_SECONDS = Histogram("xero_adapter_call_seconds", "From asking Xero to the last byte of its answer.", ["stream"])
EGRESS_BYTES = Counter("xero_adapter_egress_bytes_total", "Bytes read from Xero, which bills them.")
RECORDS = Counter("xero_adapter_records_total", "Records published, by stream.", ["stream"])
UNREADABLE = Counter("xero_adapter_unreadable_total", "Records that could not be read or carried.", ["stream"])
HELD = Gauge("xero_adapter_held_requests", "Requests that this replica has in hand.")
WAITING = Gauge("xero_adapter_waiting_tasks", "Streams that wait for a turn or a permit.")
