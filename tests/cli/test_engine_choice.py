import os
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from arriero.cli.engine_choice import (
    Choice,
    Circumstances,
    EngineName,
    choose_engine,
    find_python,
    has_usable_gpu,
    importable,
)
from arriero.errors import ConfigError

PYTHON = "/venv/bin/python"
BOTH = ("sglang", "vllm")


def circumstances(*found: str, is_gguf: bool = False, has_gpu: bool = True) -> Circumstances:
    def can_import(python: str) -> Collection[str]:
        assert python == PYTHON
        return found

    return Circumstances(is_gguf, has_gpu, can_import)


@pytest.mark.parametrize(
    ("given", "engine", "reason"),
    [
        (circumstances(*BOTH), "sglang", "since it is installed and there is a GPU"),
        (circumstances("vllm"), "vllm", "since it is installed and there is a GPU"),
        (circumstances(), "llama_cpp", f"since {PYTHON} has neither SGLang nor vLLM"),
        (circumstances(*BOTH, is_gguf=True), "llama_cpp", "since the model is a GGUF file"),
        (circumstances(*BOTH, has_gpu=False), "llama_cpp", "since there is no GPU for SGLang or vLLM"),
    ],
)
def test_without_a_wish_the_fastest_is_taken_that_can_serve(
    given: Circumstances, engine: EngineName, reason: str
) -> None:
    choice = choose_engine("auto", PYTHON, given)
    assert choice.engine == engine
    assert choice.reason.startswith(reason)


def test_what_is_asked_for_is_taken_without_a_gpu_too() -> None:
    assert choose_engine("vllm", PYTHON, circumstances(*BOTH, has_gpu=False)).engine == "vllm"
    assert choose_engine("llama_cpp", PYTHON, circumstances(*BOTH)).engine == "llama_cpp"


def test_an_engine_that_is_not_there_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        choose_engine("sglang", PYTHON, circumstances("vllm"))
    assert caught.value.message == (
        "--engine sglang: /venv/bin/python has no SGLang; install it there (/venv/bin/python -m pip install sglang), "
        "or name the Python, or the virtual environment, that has it with --engine-python"
    )


def test_a_choice_is_told_in_one_line() -> None:
    assert str(Choice("sglang", PYTHON, "since so")) == "engine: SGLang of /venv/bin/python, since so"
    assert str(Choice("llama_cpp", PYTHON, "since so")) == "engine: the embedded llama.cpp, since so"


def test_a_virtual_environment_stands_for_its_python(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert find_python(str(tmp_path)) == find_python(str(python)) == str(python)
    assert find_python(None) == sys.executable


@pytest.mark.parametrize("wish", ["/nowhere/python", "no-such-python", "."])
def test_what_is_no_python_is_an_error(wish: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--engine-python: "):
        find_python(wish)


def test_engines_are_looked_for_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vllm").mkdir()
    (tmp_path / "vllm" / "__init__.py").write_text("raise SystemExit('imported')")
    # A folder that only has such a name.
    (tmp_path / "sglang").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert importable(sys.executable) == ["vllm"]


def test_what_is_no_python_after_all_is_an_error() -> None:
    with pytest.raises(ConfigError, match="does not work"):
        importable("/bin/false" if os.path.exists("/bin/false") else "false")  # noqa: PTH110  # a fixed path


@pytest.mark.parametrize(
    ("environ", "device", "is_usable"),
    [
        ({}, "nvidia0", True),
        ({}, "kfd", True),
        ({}, "null", False),
        ({"CUDA_VISIBLE_DEVICES": "0"}, "nvidia0", True),
        ({"CUDA_VISIBLE_DEVICES": ""}, "nvidia0", False),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, "nvidia0", False),
    ],
)
def test_a_gpu_counts_unless_it_is_hidden(
    tmp_path: Path, environ: dict[str, str], device: str, *, is_usable: bool
) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / device).touch()
    assert has_usable_gpu(environ, tmp_path) is is_usable
