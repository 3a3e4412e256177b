"""Every metric of log-service's worker. (Its web side counts its answers: http_request_seconds.)"""

from prometheus_client import Counter, Histogram

OUTCOMES = Counter("log_service_outcomes", "Outcomes joined into the sync log, those told again included.")
MESSAGES = Counter("log_service_messages", "Messages read from the topics, by what became of them.", ["became"])
BATCH_SECONDS = Histogram("log_service_batch_seconds", "Time to put one batch of messages into the log.")
