from pathlib import Path

import pytest

from arriero.store.layout import Layout, Store, data_dir, layout_from


def test_everything_lies_below_arrieros_own_directory(tmp_path: Path) -> None:
    layout = layout_from({"ARRIERO_HOME": str(tmp_path)})
    assert layout == Layout(tmp_path, Store(tmp_path / "models"))
    assert layout.stores == (Store(tmp_path / "models"),)
    assert layout.downloads == tmp_path / "downloads"
    assert layout.own.manifests == tmp_path / "models" / "manifests"
    assert layout.own.blobs == tmp_path / "models" / "blobs"


def test_a_store_that_the_user_names_is_written_to(tmp_path: Path) -> None:
    layout = layout_from({"ARRIERO_HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "elsewhere")})
    assert layout.stores == (Store(tmp_path / "elsewhere"),)


@pytest.mark.parametrize("home", ["home", "usr/share/ollama"])
def test_ollamas_own_store_is_only_read(tmp_path: Path, home: str) -> None:
    models = tmp_path / home / ".ollama" / "models"
    layout = layout_from({"ARRIERO_HOME": str(tmp_path), "OLLAMA_MODELS": f"{models}/"})
    assert layout.own == Store(tmp_path / "models")
    assert layout.borrowed == (Store(models),)


def test_a_link_to_ollamas_store_is_only_read_too(tmp_path: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    models.mkdir(parents=True)
    (tmp_path / "link").symlink_to(models)
    layout = layout_from({"ARRIERO_HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "link")})
    assert layout.own == Store(tmp_path / "models")


def test_ollamas_store_is_not_looked_at_unless_it_is_named(tmp_path: Path) -> None:
    assert layout_from({"ARRIERO_HOME": str(tmp_path)}).borrowed == ()


def test_without_a_wish_the_system_decides() -> None:
    assert data_dir({}).name == "arriero"
    assert data_dir({"ARRIERO_HOME": "~/x"}) == Path.home() / "x"
