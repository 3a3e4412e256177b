"""What each sync did: its life, and one outcome a record. Pure joins; the storing is in store.py."""
