from pathlib import Path

import pytest

from arriero.cli.model_files import model_files
from arriero.errors import InvalidRequest
from arriero.protocol.modelfile import parse_modelfile


def written(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(b"x")
    return directory


def test_paths_are_relative_to_the_modelfile(tmp_path: Path) -> None:
    written(tmp_path, "tiny.gguf", "lora/adapter.gguf")

    found = model_files(parse_modelfile("FROM ./tiny.gguf\nADAPTER lora/adapter.gguf"), tmp_path)

    assert found == {
        "./tiny.gguf": {"tiny.gguf": tmp_path / "tiny.gguf"},
        "lora/adapter.gguf": {"adapter.gguf": tmp_path / "lora/adapter.gguf"},
    }


def test_what_is_not_there_is_a_model(tmp_path: Path) -> None:
    assert model_files(parse_modelfile("FROM smollm2:135m"), tmp_path) == {}


@pytest.mark.parametrize("text", ["FROM ./nope", "FROM /nope.gguf", "FROM nope.gguf", "FROM gen\nADAPTER nope"])
def test_what_can_only_be_a_path_has_to_be_there(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidRequest, match="does not exist"):
        model_files(parse_modelfile(text), tmp_path)


def test_a_user_whom_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no such user"):
        model_files(parse_modelfile("FROM ~nosuchuser/x.gguf"), tmp_path)


def test_of_a_directory_the_weights_of_one_form_are_taken_and_what_goes_with_them(tmp_path: Path) -> None:
    names = {
        "model-00001.safetensors",
        "model-00002.safetensors",
        "config.json",
        "tokenizer.json",
        "sub/tokenizer.model",
    }
    written(tmp_path, *names, "pytorch_model.bin", "README.md")

    assert model_files(parse_modelfile("FROM ."), tmp_path)["."].keys() == names


def test_a_directory_of_ggufs_needs_nothing_beside(tmp_path: Path) -> None:
    written(tmp_path, "a.gguf", "b.gguf", "config.json")

    assert model_files(parse_modelfile("FROM ."), tmp_path)["."].keys() == {"a.gguf", "b.gguf"}


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="no model in it"):
        model_files(parse_modelfile("FROM ."), tmp_path)
