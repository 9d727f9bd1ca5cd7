"""Settings of all tests."""

from hypothesis import settings

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("arriero", deadline=None)
settings.load_profile("arriero")
