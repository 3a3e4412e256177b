"""Settings, schedules and the life of every sync."""
