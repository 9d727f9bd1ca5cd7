"""Rules of the source that no linter checks."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import arriero

SOURCE = Path(arriero.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "core", "common", "manager"}
# Each costs a server's start, or belongs to the client side only.
HEAVY = {"rich", "huggingface_hub", "ollama", "openai", "httpx", "numpy", "xllamacpp"}


def path_in_source(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, without its decorators."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 50


@pytest.mark.parametrize("path", FILES, ids=path_in_source)
def test_a_file_is_one_noun(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES_OF_A_FILE
    assert not NAMES_THAT_SAY_NOTHING & set(path.relative_to(SOURCE).with_suffix("").parts)


@pytest.mark.parametrize("path", FILES, ids=path_in_source)
def test_a_function_does_one_thing(path: Path) -> None:
    assert [found for found in functions(path) if found[1] > MOST_LINES_OF_A_FUNCTION] == []


@pytest.mark.parametrize("module", ["arriero", "arriero.server.app", "arriero.engines.llama_cpp.launch"])
def test_importing_stays_light(module: str) -> None:
    script = f"import sys, {module}; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(output.split())


def test_the_worker_imports_nothing_of_ours() -> None:
    worker = ast.parse((SOURCE / "engines" / "llama_cpp/worker.py").read_text())
    names = [name.name for node in ast.walk(worker) if isinstance(node, ast.Import) for name in node.names]
    names += [node.module or "" for node in ast.walk(worker) if isinstance(node, ast.ImportFrom)]
    assert names
    assert not [name for name in names if name.startswith("arriero")]
