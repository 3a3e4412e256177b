"""Alone calls Xero's accounting API."""
