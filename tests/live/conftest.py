"""The real model, fetched once and kept in pytest's cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from arriero.store.fetch import fetch
from arriero.store.layout import layout_from
from tests.live.launching import MODEL, Server, launched


@pytest.fixture(scope="session")
def model_home(pytestconfig: pytest.Config) -> Path:
    """A data directory with SmolLM2-135M in it."""
    home = pytestconfig.rootpath / ".pytest_cache" / "arriero"
    fetch(MODEL, layout_from({"ARRIERO_HOME": str(home)}), memory_bytes=1 << 30)
    return home


@pytest.fixture(scope="module")
def server(model_home: Path) -> Iterator[Server]:
    """A server with SmolLM2-135M, for tests that leave it as it is."""
    with launched(model_home) as running:
        yield running
