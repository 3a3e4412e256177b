"""The views under /api/v1/syncs and /api/v1/settings."""
