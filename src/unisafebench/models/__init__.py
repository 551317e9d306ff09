"""Adapters: one file for each kind of model, behind the protocol in `base`."""
