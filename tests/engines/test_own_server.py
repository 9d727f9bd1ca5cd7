import sys

import pytest

from arriero.engines.base import Plan
from arriero.engines.own_server.flags import OwnServerKind, OwnServerSettings, PassedFlags
from arriero.engines.own_server.launch import launch, with_parsers
from arriero.types.models import Architecture, Capability
from tests.factories_store import record

KEY = "s3cret"
PLAN = Plan(context=0, slots=256)
QWEN3 = record(
    "tiny",
    weights=None,
    reference="/models/of-mine",
    architecture=Architecture("qwen3", 0),
    template="<tool_call> enable_thinking",
    capabilities=("tools", "completion"),
)


def settings(kind: OwnServerKind, *passed: str) -> OwnServerSettings:
    return OwnServerSettings(kind, "/venv/bin/python", "tiny", PassedFlags(passed), environment={"HF_TOKEN": "h"})


@pytest.mark.parametrize("kind", ["sglang", "vllm"])
def test_an_engine_runs_beside_a_supervisor_with_its_lines_shown(kind: OwnServerKind) -> None:
    launched = launch(QWEN3, PLAN, settings(kind), 4711, KEY)
    supervisor = (sys.executable, "-P", "-m", "arriero.engines.own_server.supervisor", "/venv/bin/python", "-m")
    assert launched.spec.argv[: len(supervisor)] == supervisor
    assert launched.spec.shown_as == kind
    assert launched.plan == PLAN
    assert not launched.is_watched


@pytest.mark.parametrize("kind", ["sglang", "vllm"])
def test_no_key_shows_up_in_a_list_of_processes(kind: OwnServerKind) -> None:
    spec = launch(QWEN3, PLAN, settings(kind), 4711, KEY).spec
    assert KEY not in " ".join(spec.argv)
    assert (spec.environment.get("VLLM_API_KEY") == KEY) is (kind == "vllm")
    assert (spec.environment["HF_TOKEN"], spec.environment["PYTHONSAFEPATH"]) == ("h", "1")


def test_the_models_parsers_are_those_of_its_family() -> None:
    assert "--reasoning-parser qwen3 --tool-call-parser qwen" in " ".join(
        launch(QWEN3, PLAN, settings("sglang"), 4711, KEY).spec.argv
    )


@pytest.mark.parametrize(
    ("passed", "model_type", "abilities"),
    [
        ((), "qwen3", ("thinking", "tools", "completion")),
        ((), "llama", ("tools", "completion")),
        (("--reasoning-parser", "auto"), "llama", ("thinking", "tools", "completion")),
    ],
)
def test_a_parser_of_thinking_makes_a_model_that_thinks(
    passed: tuple[str, ...], model_type: str, abilities: tuple[Capability, ...]
) -> None:
    model = record(
        "tiny",
        weights=None,
        architecture=Architecture(model_type, 0),
        template=QWEN3.template,
        capabilities=QWEN3.capabilities,
    )
    assert with_parsers(model, settings("vllm", *passed)).capabilities == abilities


def test_who_names_a_parser_of_calls_has_said_that_the_model_calls() -> None:
    model = record("tiny", weights=None, capabilities=("completion",))
    assert with_parsers(model, settings("sglang", "--tool-call-parser=qwen")).capabilities == ("tools", "completion")
