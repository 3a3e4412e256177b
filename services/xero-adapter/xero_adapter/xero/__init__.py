"""The only folder that knows Xero's HTTP."""
