"""One question in the words of both sides: Ollama's for arriero, llama.cpp's for its worker."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from arriero.engines.llama_cpp.body import chat_body, sampling_body
from arriero.protocol.ollama_options import merge_options, to_sampling
from arriero.types.chat import ChatPrompt, Message
from arriero.types.models import ModelRecord
from benchmarks.load import Side
from benchmarks.server_process import Started

# Openings that a model goes on from for longer than it is let.
_OPENINGS = (
    "Write a very long story about a mule that carries salt over the mountains, number {number}.",
    "Count from {number} to one thousand in words, one after the other, and leave none out.",
    "List two hundred towns of the Andes with a long description of each, beginning with number {number}.",
    "Explain in great detail, step by step, how a bridge is built. Begin with step {number}.",
)


def prompts(number: int) -> list[str]:
    """Return so many prompts, no two of them alike."""
    return [_OPENINGS[place % len(_OPENINGS)].format(number=place + 1) for place in range(number)]


def ask_arriero(model: str, prompt: str, tokens: int, *, is_stream: bool = True) -> Raw:
    """Return the body of ``POST /api/chat``."""
    messages = [{"role": "user", "content": prompt}]
    return _encode({"model": model, "messages": messages, "stream": is_stream, "options": _options(tokens)})


def ask_worker(record: ModelRecord, prompt: str, tokens: int) -> Raw:
    """Return the body of ``POST /v1/chat/completions`` that arriero makes of the same question."""
    sampling = to_sampling(merge_options(record.parameters, _options(tokens)))
    prompted = chat_body(ChatPrompt((Message("user", prompt),)))
    return _encode(
        {"stream": True, "stream_options": {"include_usage": True}, **sampling_body(sampling, context=1024), **prompted}
    )


def ask_openai(model: str, prompt: str, tokens: int) -> Raw:
    """Return the body of ``POST /v1/chat/completions`` that arriero makes of the same question for a vLLM."""
    messages = [{"role": "user", "content": prompt}]
    more = {"stream": True, "stream_options": {"include_usage": True}}
    return _encode({"model": model, "messages": messages, **more, "max_tokens": tokens, "temperature": 0.0})


def arriero_side(started: Started, *, keeps_alive: bool) -> Side:
    """Return where arriero is asked."""
    return Side(f"{started.url}/api/chat", {}, keeps_alive)


def worker_side(started: Started) -> Side:
    """Return where its worker is asked; llama.cpp closes a connection after a streamed answer."""
    return Side(f"{started.worker_url}/v1/chat/completions", {"Authorization": f"Bearer {started.worker_key}"})


def _options(tokens: int) -> Mapping[str, Any]:  # Ollama's options, as a client writes them
    return {"num_predict": tokens, "temperature": 0.0}


def _encode(body: Mapping[str, Any]) -> Raw:  # a request that goes out as it is
    return Raw(msgspec.json.encode(body))
