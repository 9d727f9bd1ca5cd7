"""Measures fitting on recorded outcomes, by a space of words that has not seen what is measured.

For evaluate.py's ``module:function@fit``, run in the repository's root with ARRIERO_ROUTING_DATA set to the
folder of the files. What `linear` thinks of a text is then by weights that have seen no outcome of that family.

- ``fit_without_mmlu``: the space has seen no text of MMLU, nor any question of MMLU-Pro's that is one of MMLU's.
- ``fit_crossed_mmlu``: five spaces; each question is scored in the one that has seen neither it nor its twin in
  MMLU-Pro, so that the others of MMLU-Pro's may help: what the shipped space does for questions that are in no file.
- ``fit_without_gsm8k``: the space has seen no text of GSM8K.
- ``fit_without_mix``: none of these, nor any of MT-Bench.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import msgspec
import platformdirs

from arriero.router.features import FEATURE_NAMES
from arriero.router.fitting import fit_in
from arriero.router.linear import LinearModel, LinearWeights
from arriero.router.term_space import Seen, TermSpace, Viewer, space_from
from arriero.router.terms import CUE_NAMES
from benchmarks.routing.ridge import Choice
from benchmarks.routing.sources import read_sources
from benchmarks.routing.train_linear import lesson_of
from benchmarks.routing.train_term_space import FILES, Row, bucket, make, read, stem

BUCKETS = 5
Scores = Callable[[list[str]], list[float]]


class Remembering(Viewer):
    """Looks at each text once: folds share their prompts."""

    def __init__(self, space: TermSpace, leaning: Callable[[str], float]) -> None:
        super().__init__(space, leaning)
        self._seen: dict[str, Seen] = {}

    def look(self, text: str) -> Seen:
        if text not in self._seen:
            self._seen[text] = super().look(text)
        return self._seen[text]


@cache
def rows() -> list[Row]:
    data = Path(os.environ["ARRIERO_ROUTING_DATA"])
    return [row for file in FILES for row in read(data, file)]


@cache
def twins() -> dict[str, str]:
    return {stem(row["prompt"]): str(row["group"]) for row in rows() if row["file"] == "routellm_mmlu"}


@cache
def groups() -> dict[str, str]:
    return {row["prompt"]: str(row["group"]) for row in rows() if row["file"] == "routellm_mmlu"}


@cache
def leaning_without(*families: str) -> Callable[[str], float]:
    """What `linear` would think, had it seen no outcome of these families."""
    lesson = lesson_of(read_sources(Path(os.environ["ARRIERO_ROUTING_DATA"]).parent))
    raw = lesson.weights(Choice(1.0, 0.2), families) / lesson.scale.deviation
    weights = {name: float(weight) for name, weight in zip(FEATURE_NAMES, raw, strict=True)}
    return cache(LinearModel(LinearWeights(-float(raw @ lesson.scale.mean), weights)).probability)


def _viewer(name: str, families: Sequence[str], keep: Callable[[Row], bool]) -> Viewer:
    """A space made of some rows, kept for the next run of the same features."""
    folder = _cache()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{_cues_hash()}.json"
    if not path.exists():
        path.write_bytes(msgspec.json.encode(make([row for row in rows() if keep(row)], name)))
    return Remembering(space_from(path.read_bytes()), leaning_without(*families))


def _cache() -> Path:
    """Where spaces are kept: ARRIERO_ROUTING_CACHE, or in the user's own cache."""
    told = os.environ.get("ARRIERO_ROUTING_CACHE")
    return Path(told) if told else platformdirs.user_cache_path("arriero", appauthor=False) / "routing"


def _is_mmlu(row: Row) -> bool:
    return (
        row["file"] == "routellm_mmlu"
        or (row["file"] == "mmlu_pro" and str(row["src"]).startswith("ori_mmlu"))
        or stem(row["prompt"]) in twins()
    )


def _cues_hash() -> str:
    return hashlib.sha256(" ".join(CUE_NAMES).encode()).hexdigest()[:8]


@cache
def without_mmlu() -> Viewer:
    return _viewer("without-mmlu", ["knowledge"], lambda row: not _is_mmlu(row))


@cache
def without_gsm8k() -> Viewer:
    return _viewer(
        "without-gsm8k", ["word problems"], lambda row: row["file"] not in {"routellm_gsm8k", "zeroeval_gsm"}
    )


@cache
def without_bucket(at: int) -> Viewer:
    return _viewer(
        f"without-mmlu-{at}of{BUCKETS}",
        ["knowledge"],
        lambda row: row["file"] != "routellm_mmlu" and bucket(row, BUCKETS, twins()) != at,
    )


@cache
def without_mix() -> Viewer:
    return _viewer(
        "without-mix",
        ["knowledge", "word problems", "chat"],
        lambda row: not _is_mmlu(row) and row["file"] in {"mmlu_pro", "zeroeval_crux", "provenance_labels"},
    )


def fit_without_mmlu(prompts: list[str], gains: list[float]) -> Scores:
    return fit_in(without_mmlu(), prompts, gains)


def fit_without_gsm8k(prompts: list[str], gains: list[float]) -> Scores:
    return fit_in(without_gsm8k(), prompts, gains)


def fit_without_mix(prompts: list[str], gains: list[float]) -> Scores:
    return fit_in(without_mix(), prompts, gains)


def fit_crossed_mmlu(prompts: list[str], gains: list[float]) -> Scores:
    fitted = [fit_in(without_bucket(at), prompts, gains) for at in range(BUCKETS)]

    def score(asked: list[str]) -> list[float]:
        at = [bucket({"prompt": text, "group": groups()[text]}, BUCKETS, twins()) for text in asked]
        return [fitted[where]([text])[0] for where, text in zip(at, asked, strict=True)]

    return score
