"""What to read next, and when. Pure: time comes in, nothing goes out."""
