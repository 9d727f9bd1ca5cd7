"""A server of SmolLM2-135M, and of a copy that was made with a projector."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ollama

from arriero.store.layout import layout_from
from arriero.store.library import Library
from tests.live.homes import copy_home
from tests.live.launching import MODEL, Server, launched
from tests.live.projector import projector

SEEING = "seeing"


@contextmanager
def seeing_server(model_home: Path, home: Path) -> Iterator[Server]:
    """Serve both from a data directory that this may write to."""
    weights = Library(layout_from({"ARRIERO_HOME": str(model_home)})).find(MODEL).path
    with launched(copy_home(model_home, home), "serve", module=("arriero",)) as server:
        with ollama.Client(server.url) as client:
            files = {path.name: client.create_blob(path) for path in (weights, projector(home / "mmproj.gguf"))}
            assert client.create(SEEING, files=files).status == "success"
        yield server
