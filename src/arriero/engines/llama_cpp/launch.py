"""llama.cpp: the embedded engine. Its settings and its process.

The process is the xllamacpp wheel's own HTTP server, or a ``llama-server`` binary; both take the same settings.
"""

import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from arriero.engines.base import Launch, LaunchSpec, Plan
from arriero.engines.llama_cpp.deciding import LlamaCppDecider
from arriero.engines.llama_cpp.embedding import embedding_settings
from arriero.engines.llama_cpp.engine import HOST, LlamaCppEngine, worker_wire
from arriero.engines.llama_cpp.loading import load_flags, load_params, load_variables
from arriero.engines.llama_cpp.worker import DEFAULT_VARIABLES
from arriero.types.models import ModelRecord

# -P: what lies in the user's directory under the name of a module is not that module.
_PYTHON = (sys.executable, "-P", "-m")
# llama.cpp gives a thread to each connection, also to those that wait for a slot.
_HTTP_THREADS = 128


@dataclass(frozen=True, slots=True)
class LlamaCppSettings:
    """What the user sets for every model of this engine.

    watch: how a worker notices that we are gone: "signal" (Linux only) or "stdin".
    llama_server: the binary to run instead of the wheel. seed: for requests that bring none. prompt_cache_bytes: memory
    for prompts that left their slot. flash_attention: None leaves it to llama.cpp.
    """

    llama_server: str | None = None
    seed: int | None = None
    prompt_cache_bytes: int = 0
    flash_attention: bool | None = None
    watch: str = "signal" if sys.platform == "linux" else "stdin"


def launch(record: ModelRecord, plan: Plan, settings: LlamaCppSettings, port: int, api_key: str) -> Launch:
    """How to start and reach a worker for one model, listening on a port of the loopback interface."""
    embedding = embedding_settings(record.architecture, plan)
    if settings.llama_server:
        argv = [settings.llama_server, *_flags(record, plan, port), *embedding.flags()]
        variables = _variables(record, plan, settings) | embedding.variables() | {"LLAMA_API_KEY": api_key}
        spec = _binary_spec(argv, variables, settings.watch)
    else:
        params = _params(record, plan, settings, port) | embedding.params() | {"api_keys": [api_key]}
        spec = _worker_spec({"watch": settings.watch, "params": params})

    kind = LlamaCppDecider if "decision" in record.capabilities else LlamaCppEngine

    def connect() -> LlamaCppEngine:
        return kind(worker_wire(port, api_key), plan, settings.seed, embedding.input_limit)

    return Launch(spec, plan, connect)


def _binary_spec(argv: list[str], variables: dict[str, str], watch: str) -> LaunchSpec:
    """The worker becomes the binary where the kernel can watch us; elsewhere somebody must stay beside it."""
    if watch == "signal":
        return _worker_spec({"watch": watch, "argv": argv}, variables)
    told = {name: os.environ.get(name, value) for name, value in DEFAULT_VARIABLES.items()}
    return LaunchSpec((*_PYTHON, "arriero.engines.own_server.supervisor", *argv), told | variables)


def _worker_spec(start: dict[str, Any], variables: dict[str, str] | None = None) -> LaunchSpec:
    told = json.dumps({"parent": os.getpid(), **start}) + "\n"
    return LaunchSpec((*_PYTHON, "arriero.engines.llama_cpp.worker"), variables or {}, told)


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
        **load_params(plan, settings.flash_attention),
        **({"mmproj.path": str(record.projector)} if record.projector else {}),
        **({"lora_adapters": [str(path) for path in record.adapters]} if record.adapters else {}),
        # A judge's prompts begin alike: with a sliding window, only the whole cache lets that be used again.
        **({"swa_full": True} if record.instance else {}),
        # The template also reads the answer: one that is not the model's own belongs here and not in a request.
        **({"chat_template": record.chat_template} if record.chat_template else {}),
    }


def _flags(record: ModelRecord, plan: Plan, port: int) -> list[str]:
    flags = {
        "--model": str(record.path),
        "--host": HOST,
        "--port": str(port),
        "--ctx-size": str(plan.context * plan.slots),
        "--parallel": str(plan.slots),
    }
    if record.projector:
        flags["--mmproj"] = str(record.projector)
    whole_cache = ["--swa-full"] if record.instance else []
    adapters = [word for path in record.adapters for word in ("--lora", str(path))]
    return [*(word for pair in flags.items() for word in pair), *adapters, *whole_cache, *load_flags(plan.options)]


def _variables(record: ModelRecord, plan: Plan, settings: LlamaCppSettings) -> dict[str, str]:
    """Settings that older builds may lack: they refuse a flag that they do not know, and pass over a variable."""
    variables = load_variables(plan, settings.flash_attention) | {
        "LLAMA_ARG_THREADS_HTTP": str(_HTTP_THREADS),
        "LLAMA_ARG_CACHE_RAM": str(settings.prompt_cache_bytes >> 20),
        "LLAMA_ARG_JINJA": "1",
    }
    if record.chat_template:
        variables["LLAMA_ARG_CHAT_TEMPLATE"] = record.chat_template
    return variables
