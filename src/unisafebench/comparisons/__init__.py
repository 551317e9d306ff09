"""Comparing runs with each other and with published results; ranking them; cost of unification."""
