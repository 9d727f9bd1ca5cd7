"""Two copies of a real model, with memory for one; and one that is loaded anew."""

import json
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arriero.engines.base import Plan
from arriero.runners.planning import estimate_bytes
from arriero.store.blobs import Blobs
from arriero.store.fetch import fetch
from arriero.store.holds import Holds
from arriero.store.install import Parts, install
from arriero.store.layout import Store, layout_from
from arriero.types.models import ModelRecord
from arriero.types.names import parse_name
from tests.live.launching import MODEL, PARIS, Server, launched

pytestmark = pytest.mark.live

ANSWER = "The capital of France is Paris."
CONTEXT, SLOTS = 512, 1
# What the estimate may be off: the worker's interpreter and buffers differ from machine to machine.
TOLERANCE = 0.2


def record_in(home: Path) -> ModelRecord:
    return fetch(MODEL, layout_from({"ARRIERO_HOME": str(home)}), memory_bytes=1 << 30).record


@pytest.fixture(scope="module")
def server(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of ``one`` and ``two`` that has memory for one and a half of them."""
    home = tmp_path_factory.mktemp("two")
    record = record_in(model_home)
    store = Store(home / "models")
    for number, name in enumerate(["one", "two"]):
        copy = Path(shutil.copy(record.path, home / name))
        with copy.open("ab") as end:
            end.write(bytes(number))
        install(store, parse_name(name), Parts(Blobs(store.blobs).adopt(copy)), Holds())
    memory = estimate_bytes(record, Plan(CONTEXT, SLOTS)) * 3 // 2
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OLLAMA_CONTEXT_LENGTH", str(CONTEXT))
        environment.setenv("OLLAMA_NUM_PARALLEL", str(SLOTS))
        with launched(home, "serve", "--memory", str(memory), module=("arriero",)) as running:
            yield running


def ask(server: Server, model: str, **options: Any) -> Any:  # an answer is JSON
    body = {"model": model, "prompt": PARIS, "stream": False, "options": {"temperature": 0, **options}}
    return server.post("/api/generate", body)["response"]


def loaded(server: Server) -> list[dict[str, Any]]:
    with urllib.request.urlopen(server.url + "/api/ps", timeout=10) as answer:
        models: list[dict[str, Any]] = json.load(answer)["models"]
    return models


def test_each_model_makes_room_for_the_other_and_all_are_answered(server: Server) -> None:
    answers: list[str] = []
    clients = [
        threading.Thread(target=lambda name=name: answers.append(ask(server, name))) for name in ["one", "two"] * 3
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join(60)
    assert answers == [ANSWER] * 6
    assert len(server.workers()) == len(loaded(server)) == 1


def test_memory_and_context_are_what_they_were_planned_to_be(server: Server, model_home: Path) -> None:
    ask(server, "one")
    [model] = loaded(server)
    assert (model["name"], model["context_length"], model["size_vram"]) == ("one:latest", CONTEXT, 0)
    estimate = estimate_bytes(record_in(model_home), Plan(CONTEXT, SLOTS))
    assert abs(model["size"] / estimate - 1) < TOLERANCE


def test_a_larger_context_is_loaded_once(server: Server) -> None:
    assert ask(server, "one", num_ctx=1024) == ANSWER
    [worker] = server.workers()
    assert [model["context_length"] for model in loaded(server)] == [1024]
    assert ask(server, "one", num_ctx=600) == ANSWER
    assert ask(server, "one") == ANSWER
    assert server.workers() == [worker]
