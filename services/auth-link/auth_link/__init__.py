"""OAuth with Xero, the token vault, and who may do what."""
