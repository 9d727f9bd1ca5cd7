from pathlib import Path

import pytest

from arriero.errors import SourceFailed
from arriero.store.gguf import InvalidGguf
from arriero.store.sources.local import is_file_reference, open_local
from tests.factories_store import tiny_gguf


@pytest.mark.parametrize("text", ["/a/b", "./model", "../model", "~/model", "model.gguf", "models/model.GGUF"])
def test_some_texts_can_only_be_files(text: str) -> None:
    assert is_file_reference(text)


@pytest.mark.parametrize("text", ["smollm2", "smollm2:135m", "Qwen/Qwen3-0.6B", "user/repo:model.gguf"])
def test_names_and_repositories_are_no_files(text: str) -> None:
    assert not is_file_reference(text)


def test_a_file_that_exists_is_one_whatever_it_is_called(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "sha256-0123")
    assert is_file_reference(str(path))
    assert open_local(str(path)) == path


@pytest.mark.parametrize(("name", "reason"), [("none.gguf", "does not exist"), (".", "is a directory")])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(SourceFailed, match=reason):
        open_local(str(tmp_path / name))


def test_a_user_whom_nobody_knows_is_told() -> None:
    with pytest.raises(SourceFailed, match="no such user"):
        open_local("~nosuchuser/x.gguf")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("I am not a model, whatever I am called.")
    with pytest.raises(InvalidGguf):
        open_local(str(tmp_path / "text.gguf"))
    projector = tiny_gguf(tmp_path / "mmproj.gguf", architecture="clip")
    with pytest.raises(SourceFailed, match="projector"):
        open_local(str(projector))
