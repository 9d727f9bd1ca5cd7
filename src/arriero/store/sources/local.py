"""GGUF files that the user has on disk. They are served from where they lie."""

from pathlib import Path

from arriero.errors import SourceFailed
from arriero.store.gguf import read_gguf


def is_file_reference(reference: str) -> bool:
    """Tell whether a reference means a file: there is one, or it can be nothing else (``./x``, ``~/x``, ``x.gguf``)."""
    if reference.startswith(("/", "./", "../", "~")):
        return True
    ends_as_file = reference.lower().endswith(".gguf") and ":" not in reference
    return ends_as_file or Path(reference).is_file()


def open_local(reference: str) -> Path:
    """Return the absolute path of a GGUF file that the user named, ``~`` expanded.

    Raises SourceFailed where there is none or it holds no language model, InvalidGguf where it is damaged.
    """
    try:
        path = Path(reference).expanduser().absolute()
    except RuntimeError as error:
        raise SourceFailed(f"{reference}: there is no such user; name a GGUF file") from error
    if path.is_dir():
        raise SourceFailed(f"{path} is a directory; name a GGUF file in it, or have SGLang or vLLM serve it (--engine)")
    if not path.is_file():
        raise SourceFailed(f"{path} does not exist; name a GGUF file, or a model such as smollm2:135m")
    if read_gguf(path).metadata.get("general.architecture") == "clip":
        raise SourceFailed(f"{path} is a projector for images; name the file of the model it belongs to")
    return path
