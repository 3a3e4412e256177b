"""The views under /api/v1/logs and /api/v1/dead-letters."""
