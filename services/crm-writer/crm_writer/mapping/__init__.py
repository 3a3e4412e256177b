"""Xero's records → what the CRM keeps of them. Pure: no time, no database, nothing sent."""
