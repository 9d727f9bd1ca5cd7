"""Columns of the table: arriero in front of each engine, and how it is seen what that engine does."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import psutil

from arriero.version import OLLAMA_API_VERSION, __version__
from tests.engines_live.servers import MODEL, TEMPLATE, EngineKind, plain_engine, process_at, thinking_engine
from tests.engines_live.stages import front
from tests.engines_live.subject import Subject
from tests.live.launching import Server, launched
from tests.live.models import cache
from tests.matrix.bench import Bench

_CONTEXT = "2048"
_VLLM_RUNNING = re.compile(r"^vllm:num_requests_running\S* ([0-9.]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """name: in the table. open: starts what is needed, given servers that run already."""

    name: str
    open: Callable[["Given"], AbstractContextManager[Bench]]


@dataclass(frozen=True, slots=True)
class Given:
    """URLs of engines that run already, by kind; others are started. thinking: those with the template that thinks."""

    plain: Mapping[EngineKind, str]
    thinking: Mapping[EngineKind, str]


@contextmanager
def embedded(_given: Given) -> Iterator[Bench]:
    """The engine that comes with arriero."""
    with _embedded_pair() as (plain, thinking):
        yield Bench(
            Subject(plain.url, MODEL),
            Subject(thinking.url, MODEL),
            is_busy=plain.works,
            end_engine=thinking.kill_workers,
        )


@contextmanager
def ollama(_given: Given) -> Iterator[Bench]:
    """Another arriero, which is to arriero what an Ollama is."""
    with _embedded_pair() as (plain, thinking), front(plain.url) as before, front(thinking.url) as before_thinking:
        yield Bench(
            Subject(before.url, MODEL),
            Subject(before_thinking.url, MODEL),
            is_busy=plain.works,
            end_engine=thinking.kill_workers,
        )


@contextmanager
def vllm(given: Given) -> Iterator[Bench]:
    """vLLM, which tells in its metrics how many requests it works on."""
    with _in_front_of("vllm", given, _vllm_runs) as bench:
        yield bench


@contextmanager
def sglang(given: Given) -> Iterator[Bench]:
    """SGLang, which tells its loads."""
    with _in_front_of("sglang", given, _sglang_runs) as bench:
        yield bench


COLUMNS = (
    Column("llama.cpp", embedded),
    Column("vLLM", vllm),
    Column("SGLang", sglang),
    Column("Ollama", ollama),
)


@contextmanager
def _embedded_pair() -> Iterator[tuple[Server, Server]]:
    flags = ("--model", str(cache() / "smollm2.gguf"), "--served-model-name", MODEL, "--context-length", _CONTEXT)
    with ExitStack() as stack:
        homes = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        plain = stack.enter_context(launched(homes[0], *flags))
        yield plain, stack.enter_context(launched(homes[1], *flags, "--chat-template", str(TEMPLATE)))


@contextmanager
def _in_front_of(kind: EngineKind, given: Given, runs: Callable[[str], int]) -> Iterator[Bench]:
    with ExitStack() as stack:
        plain = given.plain.get(kind) or stack.enter_context(plain_engine(kind))
        thinking = given.thinking.get(kind) or stack.enter_context(thinking_engine(kind))
        fronts = [stack.enter_context(front(url)) for url in (plain, thinking)]
        yield Bench(
            Subject(fronts[0].url, MODEL, plain),
            Subject(fronts[1].url, MODEL, thinking),
            is_busy=lambda: runs(plain) > 0,
            end_engine=None if kind in given.thinking else lambda: _kill(process_at(thinking)),
        )


def _vllm_runs(url: str) -> int:
    found = _VLLM_RUNNING.search(httpx.get(f"{url}/metrics", timeout=10).text)
    assert found, f"{url}/metrics does not tell what runs"
    return int(float(found[1]))


def _sglang_runs(url: str) -> int:
    loads = httpx.get(f"{url}/v1/loads", timeout=10).json()["loads"]
    return sum(load["num_running_reqs"] + load["num_waiting_reqs"] for load in loads)


def _kill(process: psutil.Process) -> None:
    for child in (*process.children(recursive=True), process):
        child.kill()


def version_of(column: Column, bench: Bench) -> str:
    """What the engine calls itself."""
    match column.name:
        case "vLLM":
            return f"vLLM {httpx.get(f'{bench.plain.engine}/version', timeout=10).json()['version']}"
        case "SGLang":
            return f"SGLang {httpx.get(f'{bench.plain.engine}/server_info', timeout=10).json()['version']}"
        case "llama.cpp":
            return f"llama.cpp of xllamacpp {version('xllamacpp')}"
        case _:
            return f"arriero {__version__} on llama.cpp, as an Ollama {OLLAMA_API_VERSION}"
