"""Which of a repository's GGUF files to take. Pure: sizes and a memory budget in, a choice and its reason out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from arriero.errors import SourceFailed

# From the best down. Quality hardly grows above Q8_0, so the unquantised ones come last: they cost twice for nothing.
QUALITY = (
    *("Q8_K_XL", "Q8_0", "Q6_K_XL", "Q6_K_L", "Q6_K", "Q5_K_XL", "Q5_K_L", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0"),
    *("Q4_K_XL", "Q4_K_L", "Q4_K_M", "Q4_K_S", "MXFP4_MOE", "MXFP4", "NVFP4", "IQ4_NL", "IQ4_XS", "Q4_1", "Q4_0"),
    *("Q3_K_XL", "Q3_K_L", "IQ3_M", "Q3_K_M", "IQ3_S", "IQ3_XS", "Q3_K_S", "IQ3_XXS"),
    *("Q2_K_XL", "Q2_K_L", "Q2_K", "IQ2_M", "Q2_K_S", "IQ2_S", "IQ2_XS", "TQ2_0", "IQ2_XXS", "TQ1_0"),
    *("IQ1_M", "IQ1_S", "Q1_0"),
    *("BF16", "F16", "F32"),
)

_QUANT = re.compile(r"(?:^|[-._/])((?:UD-)?(?:(?:IQ|TQ|Q)\d[A-Z0-9_]*|BF16|FP?16|FP?32|(?:MX|NV)FP4[A-Z_]*))$", re.I)
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_NO_MODEL = ("mmproj", "imatrix", "ggml-vocab")


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file in a repository. sha256: 64 hex digits, or ``""`` where the hub does not tell."""

    name: str
    size_bytes: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The file to take. reason: a sentence for the user."""

    file: RepoFile
    quant: str
    reason: str


def choose_file(repo: str, files: Sequence[RepoFile], wanted: str, memory_bytes: int) -> Choice:
    """Choose the file of the quantisation that was asked for, or else the best that fits into ``memory_bytes``.

    repo: for messages. wanted: a quantisation or a file's name in any case of letters, ``""`` for none.
    Raises SourceFailed where no file can be taken, and says which there are.
    """
    models = [file for file in files if is_model(file.name)]
    whole = [file for file in models if not _SPLIT.search(file.name)]
    if not models:
        raise SourceFailed(f"{repo} has no GGUF file")
    if not whole:
        raise SourceFailed(f"{repo} has only GGUF files in several pieces, which arriero does not load yet")
    return _choose_wanted(repo, whole, wanted) if wanted else _choose_best(repo, whole, memory_bytes)


def is_model(name: str) -> bool:
    """Tell whether a file's name is one of a language model in GGUF."""
    lower = name.lower()
    return lower.endswith(".gguf") and not any(word in lower for word in _NO_MODEL)


def quant_of(name: str) -> str:
    """Return the quantisation in a file's name, such as ``Q4_K_M``, or ``""`` where it has none."""
    match = _QUANT.search(name[: -len(".gguf")])
    return match[1].upper().replace("FP16", "F16").replace("FP32", "F32") if match else ""


def format_bytes(size_bytes: int) -> str:
    """Write a size in decimal units: ``398 MB``, ``12.3 GB``. Finer than in lists of models: these are compared."""
    if size_bytes >= 10**9:
        return f"{size_bytes / 10**9:.1f} GB"
    return f"{size_bytes / 10**6:.0f} MB" if size_bytes >= 10**6 else f"{size_bytes / 10**3:.0f} KB"


def _choose_wanted(repo: str, files: Sequence[RepoFile], wanted: str) -> Choice:
    word = wanted.upper()
    for file in files:
        if word in {quant_of(file.name), file.name.upper()}:
            return _choice(repo, file, files, "as asked")
    raise SourceFailed(f"{repo} has no {wanted}; it has {_listed(files)}")


def _choose_best(repo: str, files: Sequence[RepoFile], memory_bytes: int) -> Choice:
    fitting = [file for file in files if file.size_bytes <= memory_bytes]
    if not fitting:
        raise SourceFailed(
            f"no file of {repo} fits {format_bytes(memory_bytes)}: it has {_listed(files)}; "
            f"ask for one by its name to try it all the same: {repo}:{_label(_smallest(files))}"
        )
    best = min(fitting, key=lambda file: _rank(quant_of(file.name)))
    return _choice(repo, best, files, f"the best that fits {format_bytes(memory_bytes)}")


def _choice(repo: str, file: RepoFile, files: Sequence[RepoFile], why: str) -> Choice:
    quant = quant_of(file.name)
    count = "the only file" if len(files) == 1 else f"{len(files)} files"
    chosen = f"chose {quant or file.name} ({format_bytes(file.size_bytes)}) of {count} in {repo}"
    return Choice(file, quant, f"{chosen}: {why}")


def _rank(quant: str) -> int:
    # What is not in the list comes last: old repositories have kinds that llama.cpp no longer loads.
    word = quant.removeprefix("UD-")
    return QUALITY.index(word) if word in QUALITY else len(QUALITY)


def _smallest(files: Sequence[RepoFile]) -> RepoFile:
    return min(files, key=lambda file: file.size_bytes)


def _listed(files: Sequence[RepoFile]) -> str:
    by_size = sorted(files, key=lambda file: file.size_bytes)
    return ", ".join(f"{_label(file)} ({format_bytes(file.size_bytes)})" for file in by_size)


def _label(file: RepoFile) -> str:
    return quant_of(file.name) or file.name
