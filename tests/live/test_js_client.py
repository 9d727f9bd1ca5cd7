"""Ollama's client for JavaScript, in ``js/client.mjs``, against a server with a real model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.homes import copy_home
from tests.live.launching import Server, launched
from tests.sdk.javascript import OLLAMA, CannotInstall, folder_of, run_script

pytestmark = [pytest.mark.live, pytest.mark.models]


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with the client in it, installed once. Skips where it cannot be had."""
    try:
        return folder_of(OLLAMA.package)
    except CannotInstall as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def one_slot(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers one request at a time."""
    home = copy_home(model_home, tmp_path_factory.mktemp("js"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OLLAMA_NUM_PARALLEL", "1")
        with launched(home, "serve", module=("arriero",)) as server:
            yield server


def test_all_that_it_does_works(one_slot: Server, packages: Path) -> None:
    run_script("client.mjs", one_slot.url, str(packages))
