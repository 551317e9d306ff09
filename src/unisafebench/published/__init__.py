"""Results that others have published, as counts."""
