import json
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from arriero.engines.base import Plan
from arriero.engines.fake import FakeEngine
from arriero.engines.llama_cpp.engine import LlamaCppEngine, worker_wire
from arriero.errors import EngineFailed
from arriero.store.layout import Layout, Store
from arriero.store.library import Library, Pinned
from arriero.types.chat import TextRequest
from benchmarks.questions import ask_arriero, ask_worker, prompts
from tests.factories_store import record
from tests.serving import FakeLoader, listening, running_server


async def asked_of_the_worker(request: TextRequest) -> Any:  # JSON of the request
    """What the engine of a request puts on the wire."""
    bodies: list[bytes] = []

    async def refuse(wire: Request) -> Response:
        bodies.append(await wire.body())
        return JSONResponse({"error": "enough seen"}, status_code=400)

    async with listening(Starlette(routes=[Route("/v1/chat/completions", refuse, methods=["POST"])])) as url:
        engine = LlamaCppEngine(worker_wire(int(url.rpartition(":")[2]), "key"), Plan(1024, 1))
        try:
            async for _ in engine.generate(request):
                pass
        except EngineFailed:
            await engine.aclose()
    return json.loads(bodies[0])


async def test_the_worker_is_asked_directly_for_what_arriero_asks_it_for(tmp_path: Path) -> None:
    model = record("mule", parameters={"stop": ["<|im_end|>"], "top_k": 7})
    engine = FakeEngine()
    library = Library.only(Layout(tmp_path, Store(tmp_path / "models")), [Pinned(model, ("mule",))])
    async with running_server(tmp_path, FakeLoader({"mule": engine}), library=library) as server:
        response = await server.client.post("/api/chat", data=bytes(ask_arriero(model.name, "Hello", 16)))
        assert (response.status, len((await response.read()).splitlines())) == (200, 4)
    assert json.loads(bytes(ask_worker(model, "Hello", 16))) == await asked_of_the_worker(engine.requests[0])


async def test_an_answer_in_one_piece_can_be_asked_for(tmp_path: Path) -> None:
    library = Library.only(Layout(tmp_path, Store(tmp_path / "models")), [Pinned(record("mule"), ("mule",))])
    body = bytes(ask_arriero("mule", "Hello", 16, is_stream=False))
    async with running_server(tmp_path, library=library) as server:
        response = await server.client.post("/api/chat", data=body)
        assert (response.status, len((await response.read()).splitlines())) == (200, 1)


def test_no_two_prompts_are_alike() -> None:
    assert len(set(prompts(16))) == 16
