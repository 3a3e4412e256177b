"""Stands in for Xero in development, tests and the demo; never in production."""
