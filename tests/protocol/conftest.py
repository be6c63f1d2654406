"""Hypothesis without a clock and without chance: the same examples in every run, and no deadline on a busy machine."""

from hypothesis import settings

settings.register_profile("same-every-time", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("same-every-time")
