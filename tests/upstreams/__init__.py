"""Tests on recordings of engines."""

import pytest

# What failed in a scenario is shown as in a test.
pytest.register_assert_rewrite(
    *(f"tests.upstreams.{name}" for name in ("answers", "formats", "limits", "scenario", "served", "thoughts"))
)
