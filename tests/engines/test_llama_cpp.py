import json
import sys
from pathlib import Path

import pytest

from arriero.engines.base import Launch, Plan
from arriero.engines.llama_cpp import LlamaCppSettings, chat_body, launch, narrow_seed, sampling_body
from arriero.types.chat import ChatPrompt, Message
from arriero.types.sampling import SamplingParams
from tests.factories_store import record

KEY = "s3cret"
PLAN = Plan(context=1024, slots=4)


def launched(settings: LlamaCppSettings) -> Launch:
    return launch(record(path=Path("/models/tiny.gguf")), PLAN, settings, port=4711, api_key=KEY)


def test_parameters_that_are_not_set_are_left_out() -> None:
    assert sampling_body(SamplingParams(), 512) == {}


def test_parameters_have_the_names_of_llama_cpp() -> None:
    params = SamplingParams(
        max_tokens=5,
        temperature=0.0,
        top_k=0,
        top_p=0.9,
        min_p=0.05,
        typical_p=1.0,
        repeat_penalty=1.1,
        repeat_last_n=-1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        num_keep=4,
        seed=0,
        stop=("a", "b"),
    )
    assert sampling_body(params, 512, 7) == {
        "max_tokens": 5,
        "temperature": 0.0,
        "top_k": 0,
        "top_p": 0.9,
        "min_p": 0.05,
        "typical_p": 1.0,
        "repeat_penalty": 1.1,
        "repeat_last_n": 512,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "n_keep": 4,
        "seed": 0,
        "stop": ["a", "b"],
    }


def test_integers_fit_into_those_of_llama_cpp() -> None:
    body = sampling_body(SamplingParams(max_tokens=10**12, top_k=-(10**12), repeat_last_n=10**12, num_keep=10**12), 512)
    assert body == {"max_tokens": 2**31 - 1, "top_k": -1, "repeat_last_n": 512, "n_keep": 2**31 - 1}


@pytest.mark.parametrize(
    ("asked", "default", "sent"),
    [(None, None, None), (None, 7, 7), (3, 7, 3), (0, 7, 0), (-1, 7, None), (-1, None, None)],
)
def test_the_seed_of_the_request_comes_before_that_of_the_server(
    asked: int | None, default: int | None, sent: int | None
) -> None:
    assert sampling_body(SamplingParams(seed=asked), 512, default).get("seed") == sent


@pytest.mark.parametrize(
    ("seed", "narrow"),
    [
        (0, 0),
        (2**32, 0),
        (2**63 - 1, 0xFFFFFFFE),
        (0xFFFFFFFF, 0xFFFFFFFE),
        (-2, 0xFFFFFFFE),
        (-(2**63), 0),
        (10**400, 10**400 % 2**32),
    ],
)
def test_a_seed_fits_and_never_means_random(seed: int, narrow: int) -> None:
    assert narrow_seed(seed) == narrow


def test_messages_carry_the_thinking_of_earlier_turns() -> None:
    prompt = ChatPrompt((Message("user", "hi"), Message("assistant", "Hello.", "Hm.")))
    assert chat_body(prompt) == {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Hello.", "reasoning_content": "Hm."},
        ]
    }


@pytest.mark.parametrize(
    ("think", "arguments"),
    [
        (True, {"enable_thinking": True}),
        (False, {"enable_thinking": False}),
        ("high", {"enable_thinking": True, "reasoning_effort": "high"}),
    ],
)
def test_the_template_is_told_whether_to_think(think: bool, arguments: dict[str, object]) -> None:
    assert chat_body(ChatPrompt((Message("user", "hi"),), think))["chat_template_kwargs"] == arguments


def test_the_wheel_is_told_everything_on_standard_input() -> None:
    spec = launched(LlamaCppSettings(chat_template="chatml", prompt_cache_bytes=64 << 20)).spec
    assert spec.argv == (sys.executable, "-P", "-m", "arriero.engines.llama_cpp_worker")
    assert spec.stdin.endswith("\n")
    params = json.loads(spec.stdin)["params"]
    assert params["api_keys"] == [KEY]
    assert (params["model.path"], params["port"]) == ("/models/tiny.gguf", 4711)
    assert (params["n_ctx"], params["n_parallel"]) == (4096, 4)
    assert (params["chat_template"], params["cache_ram_mib"]) == ("chatml", 64)


def test_a_binary_gets_flags_and_the_key_in_its_environment() -> None:
    spec = launched(LlamaCppSettings(llama_server="/usr/bin/llama-server", chat_template="chatml")).spec
    argv = json.loads(spec.stdin)["argv"]
    assert argv[0] == "/usr/bin/llama-server"
    flags = dict(zip(argv[1::2], argv[2::2], strict=True))
    assert (flags["--model"], flags["--host"], flags["--port"]) == ("/models/tiny.gguf", "127.0.0.1", "4711")
    assert (flags["--ctx-size"], flags["--parallel"]) == ("4096", "4")
    assert (spec.environment["LLAMA_API_KEY"], spec.environment["LLAMA_ARG_CHAT_TEMPLATE"]) == (KEY, "chatml")
    assert spec.environment["LLAMA_ARG_JINJA"] == "1"


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


@pytest.mark.parametrize(("asked", "sent"), [(-1, 512), (0, 0), (64, 64), (512, 512), (300_000_000, 512)])
def test_penalties_look_at_no_more_tokens_than_there_are(asked: int, sent: int) -> None:
    assert sampling_body(SamplingParams(repeat_last_n=asked), 512) == {"repeat_last_n": sent}
