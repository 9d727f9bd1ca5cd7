"""Files that a Modelfile names, and that a model is made of."""

from collections.abc import Iterator
from pathlib import Path

from arriero.errors import InvalidRequest
from arriero.protocol.modelfile import Modelfile

# What Ollama takes of a directory: the weights of the first form that is there, and what goes with them.
_WEIGHTS = ("model*.safetensors", "adapters.safetensors", "adapter_model.safetensors", "pytorch_model*.bin")
_MORE_WEIGHTS = ("consolidated*.pth", "consolidated*.safetensors", "*.gguf", "*.bin")
_BESIDE = ("*.json", "tokenizer.model", "**/tokenizer.model", "chat_template.jinja")
_PATH_STARTS = (".", "/", "~")


def model_files(modelfile: Modelfile, directory: Path) -> dict[str, dict[str, Path]]:
    """For each text that is a path, relative to the Modelfile's directory, the files there by their names.

    What a FROM names and is not there is a model. Raises InvalidRequest for what can only be a path and is not there.
    """
    found = {}
    for text in modelfile.origins:
        path = _path(text, directory)
        if path.exists():
            found[text] = _files(path)
        elif text.startswith(_PATH_STARTS) or text.endswith(".gguf"):
            raise InvalidRequest(f"FROM {text}: {path} does not exist")
    for text in (*modelfile.adapters, *modelfile.drafts):
        path = _path(text, directory)
        if not path.exists():
            raise InvalidRequest(f"{path} does not exist: ADAPTER and DRAFT name files")
        found[text] = _files(path)
    return found


def _path(text: str, directory: Path) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidRequest(f"{text}: there is no such user") from error
    return path if path.is_absolute() else directory / path


def _files(path: Path) -> dict[str, Path]:
    if not path.is_dir():
        return {path.name: path}
    weights = next((found for pattern in (*_WEIGHTS, *_MORE_WEIGHTS) if (found := sorted(path.glob(pattern)))), None)
    if not weights:
        raise InvalidRequest(f"{path} has no model in it: no *.safetensors, no *.gguf, no *.bin")
    return {file.relative_to(path).as_posix(): file for file in (*weights, *_beside(path, weights))}


def _beside(path: Path, weights: list[Path]) -> Iterator[Path]:
    if weights[0].suffix == ".gguf":
        return
    for pattern in _BESIDE:
        yield from sorted(path.glob(pattern))
