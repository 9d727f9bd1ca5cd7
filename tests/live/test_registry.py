"""Pushing to a real registry and pulling from it, whatever happens meanwhile."""

import json
import random
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

# Lines are JSON.
from typing import Any

import pytest

from arriero.store.blobs import Blobs
from arriero.store.layout import Store
from arriero.store.manifest import find_manifest, manifest_path, read_manifest
from arriero.store.pull import blobs_of
from arriero.types.names import parse_name
from tests.factories_store import stored
from tests.live.launching import MODEL, PARIS, Server, launched
from tests.live.registry import BINARY, docker_registry

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(BINARY is None, reason="needs a docker-registry on the PATH (apt-get install docker-registry)"),
]
SERVE = ("arriero", "serve")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="module")
def name(registry: str, model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """SmolLM2-135M in the registry, pushed by a server."""
    name = f"{registry}/herd/smollm2:135m"
    home = tmp_path_factory.mktemp("pushing")
    give_name(model_home, home, name)
    with launched(home, module=SERVE) as server:
        lines = list(stream(server, "/api/push", name))
        assert lines[0] == {"status": "retrieving manifest"}
        assert lines[-2:] == [{"status": "pushing manifest"}, {"status": "success"}]
        assert len({line["digest"] for line in lines if "digest" in line}) == 3
        # Once more: all of it is there.
        again = list(stream(server, "/api/push", name))
        assert [line["completed"] == line["total"] for line in again if "digest" in line] == [True] * 3
    return name


def give_name(model_home: Path, home: Path, name: str) -> None:
    """Have the stored model under another name in a home of its own."""
    there, here = Store(model_home / "models"), Store(home / "models")
    shutil.copytree(there.blobs, here.blobs)
    manifest = find_manifest(there, parse_name(MODEL))
    assert manifest
    path = manifest_path(here, parse_name(name))
    path.parent.mkdir(parents=True)
    shutil.copyfile(manifest, path)


def stream(server: Server, path: str, name: str) -> Iterator[dict[str, Any]]:
    """Ask for a transfer and yield its lines."""
    with server.open(path, {"name": name, "insecure": True}) as answer:
        for line in answer:
            yield json.loads(line)


def listed(server: Server) -> list[str]:
    with urllib.request.urlopen(f"{server.url}/api/tags", timeout=10) as answer:
        return sorted(model["name"] for model in json.load(answer)["models"])


def files_of(home: Path, name: str) -> list[bytes]:
    """The manifest's bytes and those of its blobs."""
    store = Store(home / "models")
    manifest = find_manifest(store, parse_name(name))
    assert manifest
    blobs = blobs_of(read_manifest(manifest).manifest)
    return [manifest.read_bytes(), *(Blobs(store.blobs).path(blob.digest).read_bytes() for blob in blobs)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one tiny model, so that no other is fetched at start."""
    stored(Store(tmp_path / "models"), "tiny")
    return tmp_path


def test_what_was_pushed_is_pulled_byte_for_byte_and_answers(model_home: Path, home: Path, name: str) -> None:
    with launched(home, module=SERVE) as server:
        lines = list(stream(server, "/api/pull", name))
        assert lines[0] == {"status": "pulling manifest"}
        assert lines[-1] == {"status": "success"}
        assert files_of(home, name) == files_of(model_home, MODEL)
        asked = {"model": name, "prompt": PARIS, "stream": False, "options": {"temperature": 0}}
        assert server.post("/api/generate", asked)["response"] == "The capital of France is Paris."


@pytest.mark.parametrize("seed", range(3))
def test_whenever_the_server_is_killed_the_store_is_whole_and_a_later_pull_completes_it(
    model_home: Path, home: Path, name: str, seed: int
) -> None:
    moments = random.Random(seed)
    for _ in range(4):
        with launched(home, module=SERVE) as server:
            if name not in listed(server):
                with pytest.raises(urllib.error.HTTPError, match="404"):
                    server.post("/api/show", {"model": name})
            last = 98_000_000 * moments.random()
            for line in stream(server, "/api/pull", name):
                if line.get("completed", 0) >= last:
                    break
            server.process.kill()
            server.process.wait()
    with launched(home, module=SERVE) as server:
        assert list(stream(server, "/api/pull", name))[-1] == {"status": "success"}
        assert listed(server) == sorted([name, "tiny:latest"])
        assert server.post("/api/show", {"model": name})["details"]["family"] == "llama"
    assert files_of(home, name) == files_of(model_home, MODEL)
    assert not list((home / "models").rglob("*-partial*"))


def test_a_model_that_the_registry_does_not_have(home: Path, registry: str) -> None:
    with launched(home, module=SERVE) as server:
        lines = list(stream(server, "/api/pull", f"{registry}/herd/nope"))
    assert lines == [{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}]
