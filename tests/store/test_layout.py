import os
from pathlib import Path

from arriero.store.layout import Layout, Store, can_write_below, data_dir, layout_from


def test_everything_lies_below_arrieros_own_directory(tmp_path: Path) -> None:
    layout = layout_from({"ARRIERO_HOME": str(tmp_path), "HOME": str(tmp_path)})
    assert layout == Layout(tmp_path, Store(tmp_path / "models"))
    assert layout.stores == (Store(tmp_path / "models"),)
    assert layout.downloads == tmp_path / "downloads"
    assert layout.own.manifests == tmp_path / "models" / "manifests"
    assert layout.own.blobs == tmp_path / "models" / "blobs"


def test_a_store_that_the_user_names_is_written_to(tmp_path: Path) -> None:
    layout = layout_from({"ARRIERO_HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "elsewhere")})
    assert layout.stores == (Store(tmp_path / "elsewhere"),)


def test_blanks_and_quotes_around_a_directory_are_taken_off(tmp_path: Path) -> None:
    assert layout_from({"OLLAMA_MODELS": f' "{tmp_path}" '}).own == Store(tmp_path)


def test_a_store_that_may_not_be_written_is_only_read(tmp_path: Path) -> None:
    models = tmp_path / ".ollama" / "models"
    environ = {"ARRIERO_HOME": str(tmp_path), "OLLAMA_MODELS": str(models)}
    assert layout_from(environ, lambda path: path != models / "blobs") == Layout(
        tmp_path, Store(tmp_path / "models"), (Store(models),)
    )


def test_stores_are_only_read_where_the_user_says_so(tmp_path: Path) -> None:
    other, named = tmp_path / "other", tmp_path / "named"
    environ = {
        "ARRIERO_HOME": str(tmp_path),
        "ARRIERO_READ_MODELS": f"{other}{os.pathsep}{named}{os.pathsep}",
        "OLLAMA_MODELS": str(named),
    }
    assert layout_from(environ) == Layout(tmp_path, Store(named), (Store(other),))


def test_a_directory_that_does_not_exist_can_be_written_where_it_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert can_write_below(tmp_path / "a" / "b")
    assert not can_write_below(tmp_path / "file")
    assert not can_write_below(tmp_path / "file" / "b")


def test_ollamas_own_store_is_read_unless_another_is_named(tmp_path: Path) -> None:
    home = {"ARRIERO_HOME": str(tmp_path / "arriero"), "HOME": str(tmp_path)}
    assert layout_from(home).borrowed == ()
    models = tmp_path / ".ollama" / "models"
    (models / "manifests").mkdir(parents=True)
    layout = layout_from(home)
    assert (layout.own, layout.borrowed) == (Store(tmp_path / "arriero" / "models"), (Store(models),))
    assert layout_from({**home, "ARRIERO_READ_MODELS": ""}).borrowed == ()
    assert layout_from({**home, "ARRIERO_READ_MODELS": str(tmp_path)}).borrowed == (Store(tmp_path),)
    assert layout_from({**home, "OLLAMA_MODELS": str(tmp_path)}).borrowed == ()


def test_without_a_wish_the_system_decides() -> None:
    assert data_dir({}).name == "arriero"
    assert data_dir({"ARRIERO_HOME": "~/x"}) == Path.home() / "x"
