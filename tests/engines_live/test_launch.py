"""The server with real SGLang and vLLM as processes of its own."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ollama
import psutil
import pytest

from arriero.engines.own_server.flags import OwnServerKind
from arriero.engines.own_server.profiles import FAMILIES
from tests.engines_live.servers import is_installed, script
from tests.live.launching import Server, is_alive, started
from tests.live.models import cache

pytestmark = pytest.mark.engines

KINDS: list[OwnServerKind] = ["sglang", "vllm"]
QUESTION = [ollama.Message(role="user", content="What is the capital of France?")]
ANSWER = "The capital of France is Paris."
_FLAGS = {
    "sglang": "--device cpu --attention-backend torch_native --sampling-backend pytorch --max-total-tokens 8192 "
    "--skip-server-warmup --tool-call-parser qwen",
    "vllm": "--enforce-eager --tool-call-parser hermes",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
_STARTS_WITHIN_S = 400.0

# Prints the names of parsers that an engine has, without loading more of it than it must.
_NAMES = {
    "sglang": """
import json
from sglang.srt.function_call.function_call_parser import FunctionCallParser
from sglang.srt.parser.reasoning_parser import ReasoningParser
print(json.dumps([list(ReasoningParser.DetectorMap), list(FunctionCallParser.ToolCallParserEnum)]))
""",
    "vllm": """
import json
from vllm.reasoning import _REASONING_PARSERS_TO_REGISTER as reasoning
from vllm.tool_parsers import _TOOL_PARSERS_TO_REGISTER as tools
print(json.dumps([list(reasoning), list(tools)]))
""",
}


def environment(kind: OwnServerKind) -> Mapping[str, str]:
    """What an engine needs on a machine without a GPU."""
    if kind == "vllm":
        return {**_OFFLINE, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    shim = script().parent / "sglang_cpu_shim"
    single = {"OMP_NUM_THREADS": "1", "SGLANG_CPU_OMP_THREADS_BIND": "1"}
    return {**_OFFLINE, **single, "PYTHONPATH": str(shim), "SGLANG_USE_CPU_ENGINE": "1"}


def python_of(kind: OwnServerKind) -> Path:
    return cache() / f"venv-{kind}"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> OwnServerKind:
    found: OwnServerKind = request.param
    if not is_installed(found):
        pytest.skip(f"{found} is not installed")
    return found


@contextmanager
def launched(kind: OwnServerKind, home: Path) -> Iterator[Server]:
    """A server that has launched the engine with SmolLM2."""
    flags = ["--engine", kind, "--engine-python", str(python_of(kind)), "--model", str(cache() / "smollm2-hf")]
    flags += ["--served-model-name", "smollm2", "--context-length", "2048", "--max-running-requests", "8"]
    with started(home, *flags, *_FLAGS[kind].split(), **environment(kind)) as server:
        server.url = server.wait_for_line(" serves ", _STARTS_WITHIN_S).rpartition(" at ")[2]
        yield server


def family(server: Server) -> list[psutil.Process]:
    """The supervisor, the engine, and what that has started."""
    [supervisor] = server.workers()
    return [supervisor, *supervisor.children(recursive=True)]


def test_a_real_engine_is_launched_survives_a_kill_and_goes_with_its_server(
    kind: OwnServerKind, tmp_path: Path
) -> None:
    with launched(kind, tmp_path) as server, ollama.Client(server.url) as client:
        assert [model.model for model in client.list().models] == ["smollm2"]
        answer = client.chat("smollm2", QUESTION, options={"temperature": 0})
        pieces = [chunk.message.content or "" for chunk in client.chat("smollm2", QUESTION, stream=True)]
        assert answer.message.content == ANSWER
        assert len(pieces) > 1
        assert [model.context_length for model in client.ps().models] == [2048]
        assert client.show("smollm2").capabilities == ["completion"]

        first = family(server)
        stream = client.generate("smollm2", "Tell me a very long story.", options={"num_predict": 1500}, stream=True)
        next(stream)
        first[1].kill()
        with pytest.raises(ollama.ResponseError, match="went away"):
            list(stream)
        assert client.chat("smollm2", QUESTION, options={"temperature": 0}).message.content == ANSWER
        psutil.wait_procs(first, 5)
        assert not any(is_alive(process) for process in first)

        second = family(server)
        assert len(second) >= 4
        os.kill(server.process.pid, signal.SIGKILL)
        psutil.wait_procs(second, 10)
        assert not any(is_alive(process) for process in second)


def test_every_parser_of_the_profiles_is_one_that_the_engine_has(kind: OwnServerKind) -> None:
    found = subprocess.run(
        [python_of(kind) / "bin" / "python", "-c", _NAMES[kind]],
        env={**os.environ, **environment(kind)},
        capture_output=True,
        text=True,
        check=True,
    )
    reasoning, tools = json.loads(found.stdout.splitlines()[-1])
    for each in FAMILIES:
        parsers = each.sglang if kind == "sglang" else each.vllm
        assert parsers.reasoning is None or parsers.reasoning in reasoning
        assert parsers.tools is None or parsers.tools in tools
