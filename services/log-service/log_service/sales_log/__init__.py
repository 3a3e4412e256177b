"""What each sale now is, as the newest outcome told it."""
