"""How a service of ours runs: time, settings, logs, Kafka, MongoDB, HTTP. Knows no accounting."""
