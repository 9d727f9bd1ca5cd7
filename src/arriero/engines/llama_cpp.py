"""llama.cpp: the embedded engine. Its settings, its process, and what it is asked for an answer.

The process is the xllamacpp wheel's own HTTP server, or a ``llama-server`` binary; both take the same settings.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from arriero.engines.base import Launch, LaunchSpec, Plan
from arriero.engines.loopback import LoopbackConnector
from arriero.engines.openai_wire import OpenAIWire
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, TextPrompt, TextRequest
from arriero.types.events import EventStream
from arriero.types.models import ModelRecord
from arriero.types.sampling import SamplingParams

_HOST = "127.0.0.1"
_INT32_MAX = 2**31 - 1
# llama.cpp takes this seed for "choose one": a caller's seed must never become it by accident.
_RANDOM_SEED = 0xFFFFFFFF
# llama.cpp gives a thread to each connection, also to those that wait for a slot.
_HTTP_THREADS = 128


@dataclass(frozen=True, slots=True)
class LlamaCppSettings:
    """What the user sets for every model of this engine.

    watch: how a worker notices that we are gone: "signal" (Linux only) or "stdin".
    llama_server: the binary to run instead of the wheel. chat_template: Jinja text or the name of a template that
    llama.cpp knows. seed: for requests that bring none. prompt_cache_bytes: memory for prompts that left their slot.
    """

    llama_server: str | None = None
    chat_template: str | None = None
    seed: int | None = None
    prompt_cache_bytes: int = 0
    watch: str = "signal" if sys.platform == "linux" else "stdin"


def launch(record: ModelRecord, plan: Plan, settings: LlamaCppSettings, port: int, api_key: str) -> Launch:
    """How to start and reach a worker for one model, listening on a port of the loopback interface."""
    start: dict[str, Any] = {"parent": os.getpid(), "watch": settings.watch}
    environment: dict[str, str] = {}
    if settings.llama_server:
        start["argv"] = [settings.llama_server, *_flags(record, plan, port)]
        environment = _variables(settings) | {"LLAMA_API_KEY": api_key}
    else:
        start["params"] = _params(record, plan, settings, port) | {"api_keys": [api_key]}
    spec = LaunchSpec(
        # -P: what lies in the user's directory under the name of a module is not that module.
        argv=(sys.executable, "-P", "-m", "arriero.engines.llama_cpp_worker"),
        environment=environment,
        stdin=json.dumps(start) + "\n",
    )
    return Launch(spec, plan, lambda: LlamaCppEngine(port, api_key, plan.context, settings.seed))


# The wheel's settings have the types of llama.cpp's own struct.
def _params(record: ModelRecord, plan: Plan, settings: LlamaCppSettings, port: int) -> dict[str, Any]:
    return {
        "model.path": str(record.path),
        "port": port,
        "n_ctx": plan.context * plan.slots,
        "n_parallel": plan.slots,
        "n_threads_http": _HTTP_THREADS,
        "cache_ram_mib": settings.prompt_cache_bytes >> 20,
        "ui": False,
        "endpoint_slots": False,
        # The template also reads the answer: one that is not the model's own belongs here and not in a request.
        **({"chat_template": settings.chat_template} if settings.chat_template else {}),
    }


def _flags(record: ModelRecord, plan: Plan, port: int) -> list[str]:
    flags = {
        "--model": str(record.path),
        "--host": _HOST,
        "--port": str(port),
        "--ctx-size": str(plan.context * plan.slots),
        "--parallel": str(plan.slots),
    }
    return [word for pair in flags.items() for word in pair]


def _variables(settings: LlamaCppSettings) -> dict[str, str]:
    """Settings that older builds may lack: they refuse a flag that they do not know, and pass over a variable."""
    variables = {
        "LLAMA_ARG_THREADS_HTTP": str(_HTTP_THREADS),
        "LLAMA_ARG_CACHE_RAM": str(settings.prompt_cache_bytes >> 20),
        "LLAMA_ARG_JINJA": "1",
    }
    if settings.chat_template:
        variables["LLAMA_ARG_CHAT_TEMPLATE"] = settings.chat_template
    return variables


class _Rendered(Struct):
    prompt: str


class LlamaCppEngine:
    """One running worker, on a port of the loopback interface. ``context``: tokens of each of its slots."""

    def __init__(self, port: int, api_key: str, context: int, seed: int | None = None) -> None:
        self._wire = OpenAIWire(
            f"http://{_HOST}:{port}", {"Authorization": f"Bearer {api_key}"}, LoopbackConnector(_HOST, port)
        )
        self._context = context
        self._seed = seed

    def generate(self, request: TextRequest) -> EventStream:
        """Stream one answer (see ``Engine``)."""
        body: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        body |= sampling_body(request.sampling, self._context, self._seed)
        # The two routes take the same grammar under different names, and pass over each other's.
        match request.prompt:
            case ChatPrompt() as prompt:
                body |= _chat_format(request.json_format) | chat_body(prompt)
                return self._wire.stream("/v1/chat/completions", body)
            case TextPrompt(text):
                body |= _text_format(request.json_format) | {"prompt": text}
                return self._wire.stream("/v1/completions", body)
            case InfillPrompt(prefix, suffix):
                body |= {"input_prefix": prefix, "input_suffix": suffix}
                return self._wire.stream("/infill", body)

    async def render(self, prompt: ChatPrompt) -> str:
        """The prompt after the model's chat template."""
        return (await self._wire.call("/apply-template", chat_body(prompt), _Rendered)).prompt

    async def health(self) -> bool:
        """Whether the worker answers."""
        return await self._wire.is_ready("/health")

    async def aclose(self) -> None:
        """Drop the connections."""
        await self._wire.aclose()


def chat_body(prompt: ChatPrompt) -> dict[str, Any]:
    """The part of a request that the chat template reads."""
    body: dict[str, Any] = {"messages": [_message(message) for message in prompt.messages]}
    if prompt.think is not None:
        arguments: dict[str, Any] = {"enable_thinking": prompt.think is not False}
        if isinstance(prompt.think, str):
            arguments["reasoning_effort"] = prompt.think
        body["chat_template_kwargs"] = arguments
    return body


def sampling_body(params: SamplingParams, context: int, default_seed: int | None = None) -> Mapping[str, Any]:
    """Sampling parameters under llama.cpp's names; those that are not set are left out.

    context: tokens of a slot: more than that many past tokens there are none to look at.
    """
    seed = params.seed if params.seed is not None else default_seed
    body = {
        "max_tokens": params.max_tokens and min(params.max_tokens, _INT32_MAX),
        "temperature": params.temperature,
        "top_k": params.top_k and max(-1, min(params.top_k, _INT32_MAX)),
        "top_p": params.top_p,
        "min_p": params.min_p,
        "typical_p": params.typical_p,
        "repeat_penalty": params.repeat_penalty,
        "repeat_last_n": None if params.repeat_last_n is None else _last_tokens(params.repeat_last_n, context),
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        "n_keep": params.num_keep and max(-1, min(params.num_keep, _INT32_MAX)),
        "seed": None if seed is None or seed == -1 else narrow_seed(seed),
        "stop": list(params.stop) or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _last_tokens(number: int, context: int) -> int:
    # llama.cpp takes memory for as many tokens as it is told, and does not know Ollama's -1, which means all.
    return context if number < 0 else min(number, context)


def narrow_seed(seed: int) -> int:
    """A seed of any width in llama.cpp's 32 bits, and never the value that means "random"."""
    narrow = seed % 2**32
    return narrow if narrow != _RANDOM_SEED else _RANDOM_SEED - 1


def _message(message: Message) -> dict[str, str]:
    wire = {"role": message.role, "content": message.content}
    if message.thinking:
        wire["reasoning_content"] = message.thinking
    return wire


def _chat_format(wanted: JsonFormat | None) -> dict[str, Any]:
    if wanted is None:
        return {}
    if wanted.schema is None:
        return {"response_format": {"type": "json_object"}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.schema}}}


def _text_format(wanted: JsonFormat | None) -> dict[str, Any]:
    return {} if wanted is None else {"json_schema": wanted.schema or {"type": "object"}}
