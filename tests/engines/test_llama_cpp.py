import json
import sys
from pathlib import Path

import pytest

from arriero.engines.base import Launch, Plan
from arriero.engines.llama_cpp.launch import LlamaCppSettings, launch
from tests.factories_store import record

KEY = "s3cret"
PLAN = Plan(context=1024, slots=4)


def launched(settings: LlamaCppSettings, chat_template: str = "") -> Launch:
    model = record(weights=Path("/models/tiny.gguf"), chat_template=chat_template)
    return launch(model, PLAN, settings, port=4711, api_key=KEY)


def test_the_wheel_is_told_everything_on_standard_input() -> None:
    spec = launched(LlamaCppSettings(prompt_cache_bytes=64 << 20), "chatml").spec
    assert spec.argv == (sys.executable, "-P", "-m", "arriero.engines.llama_cpp.worker")
    assert spec.stdin.endswith("\n")
    params = json.loads(spec.stdin)["params"]
    assert params["api_keys"] == [KEY]
    assert (params["model.path"], params["port"]) == ("/models/tiny.gguf", 4711)
    assert (params["n_ctx"], params["n_parallel"]) == (4096, 4)
    assert (params["chat_template"], params["cache_ram_mib"]) == ("chatml", 64)


def test_a_binary_gets_flags_and_the_key_in_its_environment() -> None:
    spec = launched(LlamaCppSettings(llama_server="/usr/bin/llama-server"), "chatml").spec
    argv = json.loads(spec.stdin)["argv"]
    assert argv[0] == "/usr/bin/llama-server"
    flags = dict(zip(argv[1::2], argv[2::2], strict=True))
    assert (flags["--model"], flags["--host"], flags["--port"]) == ("/models/tiny.gguf", "127.0.0.1", "4711")
    assert (flags["--ctx-size"], flags["--parallel"]) == ("4096", "4")
    assert (spec.environment["LLAMA_API_KEY"], spec.environment["LLAMA_ARG_CHAT_TEMPLATE"]) == (KEY, "chatml")
    assert spec.environment["LLAMA_ARG_JINJA"] == "1"


def test_projector_and_adapters_are_loaded_too() -> None:
    model = record(weights=Path("/m"), projector=Path("/p"), adapters=(Path("/a"), Path("/b")))
    wheel = launch(model, PLAN, LlamaCppSettings(), port=4711, api_key=KEY).spec
    params = json.loads(wheel.stdin)["params"]
    assert (params["mmproj.path"], params["lora_adapters"]) == ("/p", ["/a", "/b"])
    binary = launch(model, PLAN, LlamaCppSettings(llama_server="llama-server"), port=4711, api_key=KEY).spec
    assert " --mmproj /p --lora /a --lora /b" in " ".join(json.loads(binary.stdin)["argv"])


def test_a_judge_keeps_the_whole_cache_of_a_model_with_a_sliding_window() -> None:
    judge = record(weights=Path("/m"), instance="judge")
    wheel = launch(judge, PLAN, LlamaCppSettings(), port=4711, api_key=KEY).spec
    assert json.loads(wheel.stdin)["params"]["swa_full"] is True
    binary = launch(judge, PLAN, LlamaCppSettings(llama_server="llama-server"), port=4711, api_key=KEY).spec
    assert "--swa-full" in json.loads(binary.stdin)["argv"]
    assert "swa_full" not in json.loads(launched(LlamaCppSettings()).spec.stdin)["params"]


@pytest.mark.parametrize("settings", [LlamaCppSettings(), LlamaCppSettings(llama_server="llama-server")])
def test_the_key_shows_up_in_no_list_of_processes(settings: LlamaCppSettings) -> None:
    spec = launched(settings).spec
    assert KEY not in " ".join(spec.argv)
    assert KEY not in " ".join(json.loads(spec.stdin).get("argv", []))


@pytest.mark.parametrize("settings", [LlamaCppSettings(), LlamaCppSettings(llama_server="llama-server")])
def test_the_template_of_the_model_is_left_alone(settings: LlamaCppSettings) -> None:
    spec = launched(settings).spec
    assert "chat_template" not in spec.stdin
    assert "LLAMA_ARG_CHAT_TEMPLATE" not in spec.environment
