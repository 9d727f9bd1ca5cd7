"""Ollama's client for JavaScript, in ``js/client.mjs``, against a server with a real model."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.homes import copy_home
from tests.live.launching import Server, launched
from tests.live.models import cache

pytestmark = [pytest.mark.live, pytest.mark.models]

SCRIPT = Path(__file__).parent / "js" / "client.mjs"
PACKAGE = "ollama@0.6.4"


@pytest.fixture(scope="module")
def packages() -> Path:
    """A folder with the client in it, installed once. Skips where it cannot be had."""
    folder = cache() / PACKAGE.replace("@", "-js-")
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs node and npm on the PATH")
    if not (folder / "node_modules" / "ollama").exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", PACKAGE]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if installed.returncode:
            pytest.skip(f"npm cannot install {PACKAGE}: {installed.stderr.strip()}")
    return folder


@pytest.fixture(scope="module")
def one_slot(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers one request at a time."""
    home = copy_home(model_home, tmp_path_factory.mktemp("js"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OLLAMA_NUM_PARALLEL", "1")
        with launched(home, "serve", module=("arriero",)) as server:
            yield server


def test_all_that_it_does_works(one_slot: Server, packages: Path) -> None:
    command = ["node", str(SCRIPT), one_slot.url, str(packages)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
