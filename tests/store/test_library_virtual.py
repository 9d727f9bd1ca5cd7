"""Models that are made of others, among those of the library."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arriero.errors import CloudDisabled, InvalidRequest, ModelNotFound
from arriero.router.offer import names_of
from arriero.store.editor import Editor
from arriero.store.holds import Holds
from arriero.store.layout import Layout
from arriero.store.library import Library, Pinned
from arriero.types.models import ModelRecord
from arriero.types.names import parse_target
from tests.factories_store import record, stored, tiny_layout

SMART = record("smart", weights=None, carrier="router", digest="0" * 64, modified_at=datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Routers:
    """One router."""

    model: ModelRecord = SMART

    def find(self, text: str) -> ModelRecord | None:
        names = dict(names_of(self.model.name))
        key = text.strip().lower()
        return replace(self.model, reference=names[key] or "") if key in names else None

    def records(self) -> list[ModelRecord]:
        return [self.model]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


def library(layout: Layout, *pinned: str) -> Library:
    made = Library(layout, [Pinned(record(), pinned)] if pinned else [])
    made.add_virtual(Routers())
    return made


@pytest.mark.parametrize(
    ("asked", "side"),
    [
        ("smart", ""),
        ("SMART:latest", ""),
        ("library/smart", ""),
        ("registry.ollama.ai/library/smart:latest", ""),
        ("smart:local", "local"),
        ("Smart:LOCAL", "local"),
        (" smart:local ", "local"),
        ("smart:latest:local", "local"),
        ("library/smart:local", "local"),
        ("library/smart:latest:LOCAL", "local"),
        ("smart:remote:local", "local"),
        ("smart:latest:remote:local", "local"),
        ("smart :local", "local"),
        ("smart:local:local", "local"),
        ("smart:remote", "remote"),
        ("library/smart:REMOTE", "remote"),
    ],
)
def test_the_end_of_a_routers_name_means_a_side_and_local_wins(layout: Layout, asked: str, side: str) -> None:
    try:
        found = library(layout).find(asked)
    except InvalidRequest:
        # Ollama refuses some of these: nobody is asked then.
        assert side == "local"
    else:
        assert (found.name, found.reference) == ("smart", side)


def test_a_name_that_ends_in_local_still_finds_other_models(layout: Layout) -> None:
    stored(layout.own, "other")

    assert library(layout).find("other:local").name == "other:latest"
    assert library(layout, "mine").find("mine:local").reference == ""


@pytest.mark.parametrize("asked", ["other", "other:latest", "OTHER:local", "library/other"])
def test_what_is_to_be_near_is_found_in_the_store_before_it_is_found_elsewhere(layout: Layout, asked: str) -> None:
    stored(layout.own, "other")
    made = library(layout)
    made.offer([record("other:latest", weights=None, carrier="upstream"), record("far", carrier="upstream")])

    assert (made.find(asked).carrier, made.find_near(asked).carrier) == ("upstream", "process")
    assert (made.find_near("far").carrier, made.find_near("smart").carrier) == ("upstream", "router")


def test_a_routers_name_comes_before_all_others(layout: Layout) -> None:
    stored(layout.own, "smart")
    found = library(layout, "smart")

    assert found.find("smart").carrier == "router"
    assert [each.name for each in found.records()] == ["smart"]


def test_a_router_is_listed_with_the_others_the_newest_first(layout: Layout) -> None:
    stored(layout.own, "other")

    assert [each.name for each in library(layout, "mine").records()] == ["other:latest", "smart", "mine"]


def test_what_is_no_router_is_sought_as_ever(layout: Layout) -> None:
    with pytest.raises(ModelNotFound):
        library(layout).find("smart:v2")
    with pytest.raises(CloudDisabled):
        library(layout).find("smart:cloud")
    with pytest.raises(InvalidRequest):
        library(layout).find("no such name")


@pytest.mark.parametrize("asked", ["smart", "smart:latest", "smart:local", "library/smart", "SMART"])
def test_a_router_is_nothing_of_the_store(layout: Layout, asked: str) -> None:
    stored(layout.own, "smart")

    with pytest.raises(InvalidRequest, match="smart"):
        library(layout).locate(asked)


@pytest.mark.parametrize("target", ["smart", "library/smart:latest", "registry.ollama.ai/library/SMART"])
def test_no_model_is_made_that_a_router_would_hide(layout: Layout, target: str) -> None:
    stored(layout.own, "other")
    editor = Editor(library(layout), Holds())

    with pytest.raises(InvalidRequest, match=r"(?i)smart"):
        editor.copy("other", parse_target(target))
