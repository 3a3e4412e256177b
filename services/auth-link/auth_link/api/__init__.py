"""What auth-link answers over HTTP."""
