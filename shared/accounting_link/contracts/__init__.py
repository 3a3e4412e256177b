"""What services say to each other. Imports the standard library and msgspec, nothing of ours.

Start at :mod:`~accounting_link.contracts.catalog` for the list of every event, and at
:mod:`~accounting_link.contracts.topics` for where each travels.
"""
