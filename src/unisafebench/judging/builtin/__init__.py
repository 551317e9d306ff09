"""The embedded judge: works offline, for smoke tests and not for publication."""
