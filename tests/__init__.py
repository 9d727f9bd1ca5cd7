"""Tests mirror the source: ``tests/x/test_y.py`` is about ``src/arriero/x/y.py``."""
