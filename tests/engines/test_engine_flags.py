import pytest

from arriero.engines.own_server import sglang, vllm
from arriero.engines.own_server.flags import OwnServerSettings, PassedFlags
from arriero.engines.own_server.profiles import Parsers

PASSED = PassedFlags(("--tp", "2", "--tool_call_parser=hermes", "--device", "cpu", "--device", "cuda"))
KEY = "s3cret"
NO_PARSERS = Parsers()


def settings(*passed: str, **changes: object) -> OwnServerSettings:
    return OwnServerSettings("sglang", "python", "tiny", PassedFlags(passed), **changes)  # type: ignore[arg-type]  # fields


def of_sglang(*passed: str, parsers: Parsers = NO_PARSERS) -> str:
    return " ".join(sglang.command("user/repo", settings(*passed), parsers, 4711))


def of_vllm(*passed: str, parsers: Parsers = NO_PARSERS) -> str:
    return " ".join(vllm.command("user/repo", settings(*passed), parsers, 4711))


@pytest.mark.parametrize(
    ("name", "value"), [("--tp", "2"), ("--tool-call-parser", "hermes"), ("--device", "cuda"), ("--dp", "")]
)
def test_a_passed_flag_is_found_however_it_is_written(name: str, value: str) -> None:
    assert PASSED.value(name) == value
    assert PASSED.has(name) == bool(value)


def test_what_is_set_here_is_told_in_the_engines_words() -> None:
    given = settings(context=4096, slots=8, chat_template="/t.jinja", seed=7, log_level="warning")
    ours = " ".join(sglang.command("user/repo", given, NO_PARSERS, 4711))
    theirs = " ".join(vllm.command("user/repo", given, NO_PARSERS, 4711))
    assert ours.startswith("-m sglang.launch_server --model-path user/repo --served-model-name tiny")
    assert "--host 127.0.0.1 --port 4711 --context-length 4096 --max-running-requests 8" in ours
    assert "--chat-template /t.jinja --random-seed 7 --log-level warning --log-level-http warning" in ours
    assert theirs.startswith("-m vllm.entrypoints.openai.api_server --model user/repo --served-model-name tiny")
    assert "--host 127.0.0.1 --port 4711 --max-model-len 4096 --max-num-seqs 8" in theirs
    assert "--chat-template /t.jinja --seed 7" in theirs
    assert vllm.variables(settings(log_level="warning"), KEY) == {"VLLM_API_KEY": KEY, "VLLM_LOGGING_LEVEL": "WARNING"}


@pytest.mark.parametrize("command", [of_sglang(), of_vllm()])
def test_what_is_not_set_is_left_to_the_engine(command: str) -> None:
    for word in ("None", "context", "max-model-len", "max-running", "max-num", "template", "seed", "parser", "tool"):
        assert word not in command


@pytest.mark.parametrize("command", [of_sglang, of_vllm])
def test_what_is_passed_stands_last_as_it_was_given(command: object) -> None:
    passed = ("--tp", "2", "--enable-metrics", "--foo=bar", "-q", "x", "--tp", "3")
    assert callable(command)
    assert command(*passed).endswith(" ".join(passed))


@pytest.mark.parametrize("command", [of_sglang, of_vllm])
def test_the_models_parsers_are_named_unless_the_user_names_others(command: object) -> None:
    parsers = Parsers("thinks", "calls")
    assert callable(command)
    assert "--reasoning-parser thinks --tool-call-parser calls" in command(parsers=parsers)
    assert command("--tool-call-parser", "mine", parsers=parsers).count("--tool-call-parser") == 1
    assert "thinks" not in command("--reasoning-parser=mine", parsers=parsers)


def test_vllm_is_told_to_look_for_calls_where_it_has_a_parser_for_them() -> None:
    assert "--enable-auto-tool-choice" in of_vllm(parsers=Parsers(None, "hermes"))
    assert "--enable-auto-tool-choice" in of_vllm("--tool-call-parser", "hermes")
    assert "--enable-auto-tool-choice" not in of_vllm()
    assert " --enable-auto-tool-choice" not in of_vllm("--no-enable-auto-tool-choice", parsers=Parsers(None, "hermes"))


def test_json_is_written_without_white_space_unless_the_user_says_otherwise() -> None:
    compact = "--constrained-json-disable-any-whitespace"
    assert compact in of_sglang()
    assert of_sglang(compact).count(compact) == 1
    assert compact not in of_sglang("--grammar-backend", "outlines")
    assert '--structured-outputs-config {"backend":"xgrammar","disable_any_whitespace":true}' in of_vllm()
    assert "xgrammar" not in of_vllm("--structured-outputs-config", "{}")


def test_sglang_sleeps_where_its_processor_computes() -> None:
    assert "--sleep-on-idle" in of_sglang("--device", "cpu")
    assert "--sleep-on-idle" not in of_sglang()
