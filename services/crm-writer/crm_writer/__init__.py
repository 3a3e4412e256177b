"""Xero's records in, the CRM's companies, contacts and transactions out."""
