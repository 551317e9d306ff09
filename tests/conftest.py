"""What all tests share."""

from hypothesis import settings

# A busy machine must not fail a test that says nothing about time.
settings.register_profile("unisafebench", deadline=None)
settings.load_profile("unisafebench")
