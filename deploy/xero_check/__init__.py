"""Is the live Xero what the adapter takes it for? ``make xero-check``, for the first person with a real Xero app."""
