"""Workers broken on purpose: what the checks are there to notice."""
