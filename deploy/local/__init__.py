"""The local runner: every real part and every process of ours on one machine, without a container engine.

Read in this order: ``services.py`` (what runs, as data), ``parts.py`` (where MongoDB, Kafka and Caddy come
from), ``process.py`` (one child), ``run.py`` (all of them together), then ``demo.py`` and ``compare.py``.
"""
