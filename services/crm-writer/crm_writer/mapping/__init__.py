"""Xero's records → what the CRM keeps of them. Pure: no time, no database, nothing sent.

``made.MAPPING`` is raised when the same record would be made into something else: it goes into every digest,
so the next full reading rewrites what stands.
"""
