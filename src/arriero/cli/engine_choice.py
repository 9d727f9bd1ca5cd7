"""Which engine serves the model that was given by name: the embedded one, SGLang or vLLM."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arriero.engines.own_server.flags import OwnServerKind
from arriero.errors import ConfigError
from arriero.runners.memory import gpu_count

EngineName = Literal["llama_cpp", "sglang", "vllm"]
EngineWish = Literal["auto", "llama_cpp", "sglang", "vllm"]
WISHES: tuple[EngineWish, ...] = ("auto", "llama_cpp", "sglang", "vllm")

_TITLES: dict[EngineName, str] = {"llama_cpp": "the embedded llama.cpp", "sglang": "SGLang", "vllm": "vLLM"}
# The better one first.
_OWN_SERVERS: tuple[OwnServerKind, ...] = ("sglang", "vllm")
_PROBE = """
import importlib.util, json, sys
found = [name for name in sys.argv[1:] if getattr(importlib.util.find_spec(name), "origin", None)]
print(json.dumps(found))
"""
_PROBE_TIMEOUT_S = 60.0
_NO_GPU = {"", "-1", "none", "void", "NoDevFiles"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that is taken. python: the interpreter that runs it; reason: why this one, as a clause."""

    engine: EngineName
    python: str
    reason: str

    def __str__(self) -> str:
        where = "" if self.engine == "llama_cpp" else f" of {self.python}"
        return f"engine: {_TITLES[self.engine]}{where}, {self.reason}"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a choice depends on. can_import: which of the engines an interpreter has."""

    is_gguf: bool
    has_gpu: bool
    can_import: Callable[[str], Collection[str]]


def choose_engine(wish: EngineWish, python: str, circumstances: Circumstances) -> Choice:
    """The engine that was asked for, else the fastest that can serve the model. Raises ConfigError where it is missing.

    python: the interpreter that SGLang and vLLM are looked for in.
    """
    if wish == "auto":
        return _choose_freely(python, circumstances)
    if wish != "llama_cpp" and wish not in circumstances.can_import(python):
        raise ConfigError(
            f"--engine {wish}: {python} has no {_TITLES[wish]}; install it there ({python} -m pip install {wish}), "
            "or name the Python, or the virtual environment, that has it with --engine-python"
        )
    return Choice(wish, python, "as --engine says")


def _choose_freely(python: str, circumstances: Circumstances) -> Choice:
    if circumstances.is_gguf:
        return Choice("llama_cpp", python, "since the model is a GGUF file")
    if not circumstances.has_gpu:
        return Choice("llama_cpp", python, "since there is no GPU for SGLang or vLLM; --engine takes them all the same")
    found = circumstances.can_import(python)
    for kind in _OWN_SERVERS:
        if kind in found:
            return Choice(
                kind, python, "since it is installed and there is a GPU; --engine llama_cpp is the embedded one"
            )
    return Choice("llama_cpp", python, f"since {python} has neither SGLang nor vLLM; see --engine-python")


def find_python(wish: str | None) -> str:
    """The interpreter that a wish names: a path, a command, or the directory of a virtual environment; else our own.

    Links are not followed: that of an environment is how Python knows the environment. Raises ConfigError.
    """
    if not wish:
        return sys.executable
    path = Path(wish).expanduser()
    if path.is_dir():
        inside = [path / "bin" / "python", path / "Scripts" / "python.exe"]
        found = next((str(file.absolute()) for file in inside if file.exists()), None)
    else:
        found = shutil.which(str(path))
        found = found and str(Path(found).absolute())
    if not found:
        raise ConfigError(f"--engine-python: {wish} is no Python, and no virtual environment with one")
    return found


def importable(python: str) -> Collection[str]:
    """Which of SGLang and vLLM an interpreter has. They are only looked for: importing them takes many seconds."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    try:
        # Its first entry would be the current directory, in which a folder may have such a name.
        script = f"import sys; sys.path = [path for path in sys.path if path]\n{_PROBE}"
        probe = subprocess.run(
            [python, "-c", script, *_OWN_SERVERS],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
        )
        found = json.loads(probe.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise ConfigError(f"--engine-python: {python} does not work: {error}") from error
    return [name for name in _OWN_SERVERS if name in found]


def has_usable_gpu(environ: Mapping[str, str], root: Path = Path("/")) -> bool:
    """Whether there is a GPU that SGLang and vLLM could use: NVIDIA's or AMD's, and not hidden by the environment."""
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        if name in environ and environ[name].strip() in _NO_GPU:
            return False
    # Some containers have the device and not the driver's own directory.
    return gpu_count() > 0 or any(root.glob("dev/nvidia[0-9]*")) or (root / "dev/kfd").exists()
