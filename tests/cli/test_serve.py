from pathlib import Path

import pytest

from arriero.cli.serve import fill_if_empty
from arriero.errors import SourceFailed
from arriero.store.layout import Layout
from arriero.store.library import Library
from tests.factories_store import stored, tiny_layout


def test_an_empty_store_gets_a_first_model(tmp_path: Path) -> None:
    fetched: list[str] = []
    fill_if_empty(Library(tiny_layout(tmp_path)), lambda reference, _: fetched.append(reference))
    assert fetched == ["smollm2:135m"]


def test_a_store_with_models_gets_none(tmp_path: Path) -> None:
    layout = tiny_layout(tmp_path)
    stored(layout.own, "tiny")
    fetched: list[str] = []
    fill_if_empty(Library(layout), lambda reference, _: fetched.append(reference))
    assert fetched == []


def test_a_first_model_that_cannot_be_had_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: str, __: Layout) -> None:
        raise SourceFailed("no connection")

    fill_if_empty(Library(tiny_layout(tmp_path)), fail)
    assert capsys.readouterr().err == "Warning: no connection. The store is empty: arriero pull MODEL\n"
