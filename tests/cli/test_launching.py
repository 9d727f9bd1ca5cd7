from pathlib import Path

import pytest

from arriero.cli.launching import make_planner, own_server_settings, template_for_engine, with_own_server
from arriero.config import Config
from arriero.engines.base import Launch, LaunchSpec, Plan
from arriero.engines.fake import FakeEngine
from arriero.types.loading import LoadOptions
from arriero.types.models import Architecture, ModelRecord
from tests.factories_store import record

BIG = record("big", weights=None, reference="user/big", architecture=Architecture("qwen3", 0, trained_context=4096))
SMALL = record("small")


@pytest.mark.parametrize(
    ("config", "plan"),
    [
        (Config(), Plan(4096, 256)),
        (Config(context=512, slots=8), Plan(512, 8)),
    ],
)
@pytest.mark.parametrize("free_bytes", [None, 0, 1 << 40])
def test_what_an_engine_loads_by_itself_is_not_planned_by_memory(
    config: Config, plan: Plan, free_bytes: int | None
) -> None:
    assert make_planner(config)(BIG, LoadOptions(context=99), free_bytes) == plan


def test_only_models_without_weights_here_are_launched_by_another_engine() -> None:
    def embedded(_record: ModelRecord, plan: Plan, _port: int, _key: str) -> Launch:
        return Launch(LaunchSpec(("llama",)), plan, FakeEngine)

    launch = with_own_server(embedded, own_server_settings(Config(), "vllm", "python", "big"))
    assert launch(SMALL, Plan(1, 1), 1, "").spec.argv == ("llama",)
    assert launch(BIG, Plan(1, 1), 1, "").spec.shown_as == "vllm"


def test_an_engine_is_told_what_is_set_and_the_keys_to_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "h")
    monkeypatch.setenv("OPENAI_API_KEY", "o")
    config = Config(context=512, slots=8, random_seed=7, log_level="debug")
    settings = own_server_settings(config, "sglang", "python", "tiny:1b")
    assert (settings.context, settings.slots, settings.seed, settings.log_level) == (512, 8, 7, "debug")
    assert settings.served_name == "tiny-1b"
    assert settings.environment["HF_TOKEN"] == "h"
    assert "OPENAI_API_KEY" not in settings.environment


def test_a_template_is_handed_on_as_a_path_or_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.jinja").write_text("{{ messages }}")
    assert template_for_engine("t.jinja") == str(tmp_path / "t.jinja")
    assert template_for_engine("chatml") == "chatml"
    assert template_for_engine("{{ messages }}") == "{{ messages }}"
    assert template_for_engine(None) is None
