"""Taxonomy, tasks, records and errors: what every other room speaks of. Imports none of them."""
