"""Keys of the front door: made, rotated, revoked, listed."""
