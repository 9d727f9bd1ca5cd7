"""Servers of every kind, which answer as the real ones have been seen to."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# Bodies and answers are JSON.
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from arriero.engines.upstream.server import Upstream, connect
from arriero.types.upstreams import UpstreamSettings

Json = Any
Answer = tuple[int, Json]
Route = Answer | Callable[[Json], Answer]
NOT_FOUND: Answer = (404, {"detail": "Not Found"})
JINJA = "{% for message in messages %}{{ message.content }}{% endfor %}"


@dataclass
class Server:
    """Answers by its routes, and 404 to all else. asked: what it was asked for. api_key: what it wants to be sent."""

    routes: Mapping[str, Route]
    api_key: str | None = None
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.read()
        name = f"{request.method} {request.path}"
        self.asked.append(name)
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return web.json_response({"error": {"message": "Invalid API Key", "code": 401}}, status=401)
        route = self.routes.get(name, NOT_FOUND)
        status, answer = route(json.loads(body)) if callable(route) else route
        return web.json_response(answer, status=status)


@asynccontextmanager
async def looked_at(server: Server, path: str = "", **settings: Json) -> AsyncIterator[Upstream]:
    """The server as an upstream."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as running:
        url = str(running.make_url("")).rstrip("/") + path
        upstream = connect(UpstreamSettings("test", url, **settings))
        try:
            yield upstream
        finally:
            await upstream.aclose()


def models(*ids: str, owned_by: str, **entry: Json) -> Answer:
    """``/v1/models``, made just now."""
    data = [{"id": each, "object": "model", "created": int(time.time()), "owned_by": owned_by, **entry} for each in ids]
    return 200, {"object": "list", "data": data}


def tokenizer(*, template: bool = True, tools: bool = False, thinking: bool = False, vision: bool = False) -> Route:
    """``/tokenize`` of vLLM or SGLang, with a chat template that does these things."""

    def answer(body: Json) -> Answer:
        if not template:
            return 400, {"error": {"message": "you must provide a chat template", "code": 400}}
        if not vision and not isinstance(body["messages"][0]["content"], str):
            return 400, {"error": {"message": f"{body['model']} is not a multimodal model", "code": 400}}
        tokens = [1, 2, 3, *([4, 5] if tools and "tools" in body else [])]
        if thinking and body.get("chat_template_kwargs", {}).get("enable_thinking") is False:
            tokens.append(6)
        return 200, {"count": len(tokens), "max_model_len": 2048, "tokens": tokens}

    return answer


def vllm(path: str = "/models/tiny", *, calls_tools: bool = True, embeds: bool = False, **template: bool) -> Server:
    """vLLM 0.32."""
    no_tools = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    refusal = "temperature must be non-negative, got -1.0. (parameter=temperature, value=-1.0)"
    routes: dict[str, Route] = {
        "GET /v1/models": models("tiny", owned_by="vllm", root=path, parent=None, max_model_len=2048),
        "GET /version": (200, {"version": "0.32.0"}),
        "POST /tokenize": tokenizer(**template),
        "POST /v1/chat/completions": (400, {"error": {"message": refusal if calls_tools else no_tools, "code": 400}}),
    }
    if embeds:
        routes["POST /v1/embeddings"] = 400, {"error": {"message": "Field required", "code": 400}}
    return Server(routes)


def sglang(template: Route | None = None, **info: Json) -> Server:
    """SGLang 0.5.23."""
    model_info = {
        "model_path": "/models/tiny",
        "is_generation": True,
        "reasoning_parser": None,
        "tool_call_parser": None,
        "has_image_understanding": False,
        "model_type": "llama",
        **info,
    }
    server_info = {"context_length": 2048, "quantization": None, "dtype": "bfloat16", "device": "cuda", "api_key": "k"}
    memory = {"weight_gb": 1.0, "kv_cache_gb": 0.5, "graph_gb": 0.0}
    return Server(
        {
            "GET /v1/models": models("tiny", owned_by="sglang", root="tiny", parent=None, max_model_len=2048),
            "GET /model_info": (200, model_info),
            "GET /server_info": (200, server_info),
            "GET /v1/loads": (200, {"loads": [{"memory": memory}]}),
            "GET /api/tags": (200, {"models": [{"name": "tiny", "size": 0, "digest": "sha256:sglang0"}]}),
            "POST /tokenize": template or tokenizer(),
            "POST /detokenize": (200, {"text": "<|im_start|>assistant\n"}),
        }
    )


def smg(*workers: Json) -> Server:
    """smg 1.13."""
    return Server(
        {
            "GET /v1/models": (
                200,
                {"object": "list", "data": [{"id": "tiny", "created": 0, "owned_by": "self_hosted"}]},
            ),
            "GET /workers": (200, {"workers": workers, "total": len(workers)}),
        }
    )


def worker(context: int, *abilities: str, **labels: str) -> Json:
    """One worker of an smg."""
    card = {
        "id": "tiny",
        "model_type": ["chat", "completions", *abilities],
        "hf_model_type": "llama",
        "context_length": context,
    }
    return {"model_id": "tiny", "models": [card], "labels": {"model_path": "/models/tiny", **labels}, "load": 0}


def llama_server(*, infill: bool = False, template: str = JINJA, **props: Json) -> Server:
    """llama.cpp's own server."""
    missing = (400, {"error": {"code": 400, "message": "key 'input_suffix' not found"}})
    impossible = (501, {"error": {"code": 501, "message": "Infill is not supported by this model"}})
    meta = {"n_ctx": 4096, "n_ctx_train": 8192, "n_params": 134515008, "size": 96576768, "ftype": "Q4_1", "n_embd": 576}
    told = {
        "default_generation_settings": {"n_ctx": 4096},
        "total_slots": 2,
        "model_path": "/models/tiny.gguf",
        "modalities": {"vision": False, "audio": False},
        "chat_template": template,
        **props,
    }
    return Server(
        {
            "GET /v1/models": models("/models/tiny.gguf", owned_by="llamacpp", meta=meta),
            "GET /props": (200, told),
            "POST /infill": missing if infill else impossible,
        }
    )


TAG = {
    "name": "tiny:latest",
    "model": "tiny:latest",
    "modified_at": "2026-02-07T07:02:44.123456789+01:00",
    "size": 98362432,
    "digest": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "details": {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "134.52M",
        "quantization_level": "Q4_1",
        "context_length": 8192,
        "embedding_length": 576,
    },
    "capabilities": ["completion", "tools", "something_new"],
}


def ollama(*tags: Json, running: tuple[Json, ...] = ()) -> Server:
    """Ollama, or whatever speaks its API."""
    listed = {"object": "list", "data": [{"id": tag["name"], "owned_by": "library"} for tag in tags] or None}
    return Server(
        {
            "GET /v1/models": (200, listed),
            "GET /api/version": (200, {"version": "0.33.0"}),
            "GET /api/tags": (200, {"models": list(tags)}),
            "GET /api/ps": (200, {"models": list(running)}),
            "POST /api/show": (200, {"capabilities": ["completion", "vision"]}),
        }
    )
