import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arriero.engines.base import ServedModel
from arriero.engines.upstream.facts import UNTOLD_TEMPLATE
from arriero.engines.upstream.weights import read_weights
from arriero.types.models import Capability
from tests.engines.upstream_servers import (
    JINJA,
    TAG,
    Answer,
    Server,
    llama_server,
    looked_at,
    models,
    ollama,
    sglang,
    smg,
    tokenizer,
    vllm,
    worker,
)

# What SGLang had before it told tokens.
NO_TOKENIZER: Answer = 404, {"detail": "Not Found"}


async def the_model(server: Server) -> ServedModel:
    async with looked_at(server) as upstream:
        [model] = await upstream.look()
        return model


@pytest.mark.parametrize(
    ("make", "able"),
    [
        (vllm, ("completion",)),
        (lambda: vllm(tools=True), ("completion", "tools")),
        (lambda: vllm(calls_tools=False, tools=True), ("completion",)),
        (lambda: vllm(tools=True, vision=True, thinking=True), ("completion", "vision", "tools", "thinking")),
        (lambda: vllm("/models/DeepSeek-R1"), ("completion", "thinking")),
        (lambda: vllm(template=False), ("completion",)),
        (lambda: vllm(embeds=True), ("embedding",)),
        (sglang, ("completion",)),
        (lambda: sglang(tool_call_parser="qwen"), ("completion",)),
        (lambda: sglang(NO_TOKENIZER, tool_call_parser="qwen"), ("completion", "tools")),
        (lambda: sglang(NO_TOKENIZER), ("completion",)),
        (lambda: sglang(tokenizer(tools=True)), ("completion", "tools")),
        (lambda: sglang(tokenizer(template=False), tool_call_parser="qwen"), ("completion",)),
        (lambda: sglang(reasoning_parser="qwen3"), ("completion", "thinking")),
        (lambda: sglang(has_image_understanding=True), ("completion", "vision")),
        (lambda: sglang(is_generation=False), ("embedding",)),
        (llama_server, ("completion",)),
        (lambda: llama_server(infill=True), ("completion", "insert")),
        (lambda: llama_server(template="{{ tools }}<think></think>"), ("completion", "tools", "thinking")),
        (lambda: llama_server(modalities={"vision": True}), ("completion", "vision")),
        (lambda: ollama(TAG), ("completion", "tools")),
        (lambda: ollama({**TAG, "capabilities": None}), ("completion", "vision")),
        (smg, ("completion", "tools")),
        (lambda: smg(worker(2048, "tools", "vision")), ("completion", "vision", "tools")),
        (lambda: smg(worker(2048, has_image_understanding="true"), worker(2048)), ("completion", "tools")),
    ],
)
async def test_what_a_model_can_do_is_found_out(make: Callable[[], Server], able: tuple[Capability, ...]) -> None:
    assert (await the_model(make())).capabilities == able


@pytest.mark.parametrize(
    ("entry", "able"),
    [
        ({}, ("completion", "tools")),
        ({"id": "text-embedding-3-small"}, ("embedding",)),
        ({"id": "bge", "type": "embeddings"}, ("embedding",)),
        ({"id": "gpt-4o-mini"}, ("completion", "vision", "tools")),
        ({"id": "deepseek-r1:free"}, ("completion", "tools", "thinking")),
        ({"supported_parameters": ["temperature"]}, ("completion",)),
        ({"supported_parameters": ["tools", "reasoning"]}, ("completion", "tools", "thinking")),
        ({"architecture": {"input_modalities": ["text", "image"]}}, ("completion", "vision", "tools")),
        ({"id": "pixtral", "capabilities": {"vision": False, "function_calling": False}}, ("completion",)),
        ({"capabilities": ["tool_use"]}, ("completion", "tools")),
    ],
)
async def test_hosted_models_are_known_by_what_their_list_tells(
    entry: dict[str, object], able: tuple[Capability, ...]
) -> None:
    listed = {"id": "m", "owned_by": "someone", **entry}
    assert (await the_model(Server({"GET /v1/models": (200, {"data": [listed]})}))).capabilities == able


async def test_litellm_tells_more_of_its_models() -> None:
    info = {"max_input_tokens": 128000, "supports_function_calling": False, "supports_vision": True}
    server = Server(
        {
            "GET /v1/models": models("m", owned_by="openai"),
            "GET /v1/model/info": (200, {"data": [{"model_name": "m", "model_info": info}]}),
        }
    )
    model = await the_model(server)
    assert (model.context, model.capabilities) == (128000, ("completion", "vision"))


@pytest.mark.parametrize("name", ["max_model_len", "context_length", "context_window", "max_context_length"])
async def test_the_context_has_many_names(name: str) -> None:
    assert (await the_model(Server({"GET /v1/models": models("m", owned_by="x", **{name: 4096})}))).context == 4096


async def test_a_list_without_anything_around_it_is_read() -> None:
    server = Server({"GET /v1/models": (200, [{"id": "m", "created": 1700000000, "context_length": "?"}])})
    model = await the_model(server)
    assert model.modified_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert model.context is None


@pytest.mark.parametrize("make", [vllm, sglang, lambda: smg(worker(2048)), llama_server, lambda: ollama(TAG)])
async def test_clients_get_what_they_need_of_every_model(make: Callable[[], Server]) -> None:
    model = await the_model(make())
    architecture = model.model_info["general.architecture"]
    assert architecture
    assert model.model_info["general.basename"] == model.name
    assert model.model_info[f"{architecture}.context_length"] == model.context
    assert len(bytes.fromhex(model.digest)) == 32
    assert model.template
    assert model == await the_model(make())


async def test_sglang_tells_what_it_takes() -> None:
    model = await the_model(sglang(model_type="qwen2"))
    assert (model.details.family, model.details.quantization_level) == ("qwen2", "BFLOAT16")
    assert model.memory_bytes == model.vram_bytes == 3 << 29
    assert model.template == UNTOLD_TEMPLATE


async def test_the_key_of_a_server_is_told_nobody() -> None:
    assert "api_key" not in repr(await the_model(sglang()))


@pytest.mark.parametrize("make", [lambda: vllm(template=False), lambda: sglang(tokenizer(template=False))])
async def test_a_base_model_has_no_template(make: Callable[[], Server]) -> None:
    assert (await the_model(make())).template == ""


async def test_a_server_that_does_not_count_may_have_a_template() -> None:
    server = sglang()
    del server.routes["POST /tokenize"]  # type: ignore[attr-defined]  # it is a dict
    assert (await the_model(server)).template


async def test_a_model_that_always_thinks_is_known_by_its_prompt() -> None:
    server = sglang()
    server.routes = {**server.routes, "POST /detokenize": (200, {"text": "<|im_start|>assistant\n<think>\n"})}
    assert "thinking" in (await the_model(server)).capabilities


async def test_nothing_is_generated_to_find_things_out() -> None:
    """Of vLLM a chat is asked for that it refuses; of the others none."""
    bodies: list[dict[str, object]] = []

    def refuse(body: dict[str, object]) -> Answer:
        bodies.append(body)
        return 400, {"error": {"message": "temperature must be non-negative"}}

    server = vllm(tools=True)
    server.routes = {**server.routes, "POST /v1/chat/completions": refuse}
    await the_model(server)
    assert [body["temperature"] for body in bodies] == [-1]
    for server in (sglang(), llama_server(), smg(worker(2048)), ollama(TAG)):
        await the_model(server)
        assert not any("completion" in each or "generate" in each for each in server.asked)


async def test_adapters_and_other_names_are_as_their_model() -> None:
    listed = [
        {"id": "tiny", "owned_by": "vllm", "root": "/models/tiny", "parent": None, "max_model_len": 2048},
        {"id": "pirate", "owned_by": "vllm", "root": "/models/pirate", "parent": "tiny", "max_model_len": None},
    ]
    server = vllm()
    server.routes = {**server.routes, "GET /v1/models": (200, {"data": listed})}
    async with looked_at(server) as upstream:
        found = {model.name: model for model in await upstream.look()}
    assert found["pirate"].context == 2048
    assert found["pirate"].capabilities == found["tiny"].capabilities
    assert found["pirate"].digest != found["tiny"].digest


async def test_workers_together_can_do_what_each_of_them_can() -> None:
    assert (await the_model(smg(worker(4096), worker(2048)))).context == 2048


async def test_a_worker_that_joins_is_noticed() -> None:
    server = smg(worker(4096))
    async with looked_at(server) as upstream:
        await upstream.look()
        server.routes = smg(worker(4096), worker(1024)).routes
        assert [model.context for model in await upstream.look()] == [1024]


async def test_a_llama_server_tells_of_its_file() -> None:
    model = await the_model(llama_server())
    assert (model.name, model.context, model.template) == ("tiny", 4096, JINJA)
    assert (model.details.format, model.details.parameter_size) == ("gguf", "134.52M")
    assert (model.size_bytes, model.details.quantization_level) == (96576768, "Q4_1")


async def test_a_llama_server_keeps_the_name_that_it_is_wanted_under() -> None:
    async with looked_at(llama_server(), models={"mine": "/models/tiny.gguf"}) as upstream:
        assert [model.name for model in await upstream.look()] == ["/models/tiny.gguf"]


async def test_an_ollama_tells_everything_in_its_list() -> None:
    model = await the_model(ollama(TAG))
    assert model.modified_at == datetime(2026, 2, 7, 6, 2, 44, 123456, tzinfo=UTC)
    assert (model.size_bytes, model.digest, model.context) == (98362432, TAG["digest"], 8192)
    assert model.details.families == ("llama",)


def test_a_model_whose_files_lie_here_is_known_better(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "qwen2", "hidden_size": 8, "torch_dtype": "bfloat16"})
    )
    (tmp_path / "chat_template.jinja").write_text(JINJA)
    weights = read_weights(str(tmp_path))
    assert (weights.architecture, weights.template, weights.quantization) == ("qwen2", JINJA, "BF16")
    assert weights.embedding_length == 8


@pytest.mark.parametrize("path", ["", "Qwen/Qwen3-8B", "/no/such/place", "/etc"])
def test_files_that_are_not_here_tell_nothing(path: str) -> None:
    assert read_weights(path).architecture == ""
