"""``python -m accounting_link.describe [--check]``: code into docs/reference, so that the two never differ.

A documentation tool: it imports the services by name, which nothing else of ours may.
"""
