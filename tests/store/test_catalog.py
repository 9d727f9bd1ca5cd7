import pytest

from arriero.store.catalog import CATALOG, DEFAULT_MODEL, find_in_catalog, near_names
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.package_index import WheelModel
from arriero.types.names import parse_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("smollm2:135m", "smollm2:135m"),
        ("SmolLM2:135M", "smollm2:135m"),
        ("smollm2", "smollm2:135m"),
        ("SMOLLM2:latest", "smollm2:135m"),
        ("library/smollm2", "smollm2:135m"),
        ("qwen3", "qwen3:8b"),
        ("qwen3:0.6b", "qwen3:0.6b"),
        ("llama3.2", "llama3.2:3b"),
    ],
)
def test_names_are_found_in_any_case_and_without_a_tag(text: str, name: str) -> None:
    entry = find_in_catalog(text)
    assert entry
    assert entry.name == name


@pytest.mark.parametrize("text", ["", "smollm", "smollm2:7b", "mike/smollm2", "hf.co/library/smollm2", "no name"])
def test_other_names_are_not_in_it(text: str) -> None:
    assert find_in_catalog(text) is None


def test_every_entry_is_complete() -> None:
    assert len({entry.name for entry in CATALOG}) == len(CATALOG)
    for entry in CATALOG:
        assert parse_name(entry.name).short == entry.name
        assert find_in_catalog(entry.name.partition(":")[0])


def test_the_default_model_comes_in_a_wheel_and_the_others_from_the_hub() -> None:
    assert [entry.name for entry in CATALOG if isinstance(entry.origin, WheelModel)] == [DEFAULT_MODEL]
    hub = [entry.origin for entry in CATALOG if isinstance(entry.origin, HubReference)]
    assert all(origin.repo.endswith("-GGUF") for origin in hub)


def test_mistyped_names_have_near_ones() -> None:
    assert near_names("Smolm2:135m")[0] == "smollm2:135m"
    assert near_names("zzzzzzzz") == []
