"""Held-out scores against length and another router's heuristic, on pairs of models. Pure, and seeded."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.routing.held_out import apgr
from benchmarks.routing.sources import Floats, Source

_ROUNDS = 1000
_MIXTRAL, _GPT_4 = "mixtral-8x7b", "gpt-4-1106"
_LLAMA_PRO, _LLAMA = "Meta-Llama-3_1-70B-Instruct", "Meta-Llama-3.1-70B-Instruct"
_EIGHT_PRO, _EIGHT = "Meta-Llama-3_1-8B-Instruct", "Meta-Llama-3.1-8B-Instruct"
_PHI_PRO, _PHI = "Phi-3-mini-4k-instruct", "Phi-3.5-mini-instruct"

# Name, and its parts: source, weak model, strong model, prompts at most.
SETS: Mapping[str, Sequence[tuple[str, str, str, int]]] = {
    "mmlu": [("routellm_mmlu", _MIXTRAL, _GPT_4, 0)],
    "gsm8k": [("routellm_gsm8k", _MIXTRAL, _GPT_4, 0)],
    "mtbench": [("routellm_mtbench", _MIXTRAL, _GPT_4, 0)],
    "mmlupro": [("mmlu_pro", _PHI_PRO, _LLAMA_PRO, 0)],
    "mmlupro8b": [("mmlu_pro", _EIGHT_PRO, _LLAMA_PRO, 0)],
    "gsm2b": [("zeroeval_gsm", "gemma-2-2b-it", _LLAMA, 0)],
    "crux": [("zeroeval_crux", "Qwen2.5-3B-Instruct", "Qwen2.5-72B-Instruct", 0)],
    "crux8b": [("zeroeval_crux", _EIGHT, _LLAMA, 0)],
    "mix8b": [
        ("mmlu_pro", _EIGHT_PRO, _LLAMA_PRO, 600),
        ("zeroeval_gsm", _EIGHT, _LLAMA, 600),
        ("zeroeval_crux", _EIGHT, _LLAMA, 600),
    ],
    "mixphi": [
        ("mmlu_pro", _PHI_PRO, _LLAMA_PRO, 600),
        ("zeroeval_gsm", _PHI, _LLAMA, 600),
        ("zeroeval_crux", _PHI, _LLAMA, 600),
    ],
    "mixgpt4": [
        ("routellm_mmlu", _MIXTRAL, _GPT_4, 1300),
        ("routellm_gsm8k", _MIXTRAL, _GPT_4, 1300),
        ("routellm_mtbench", _MIXTRAL, _GPT_4, 1300),
    ],
}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Prompts of a set: where they lie in their sources, and the strong model's gain on each."""

    places: Sequence[tuple[str, int]]
    gains: Floats

    def pick(self, scores: Mapping[str, Floats]) -> Floats:
        """Return the scores of these prompts, from those of all sources."""
        return np.array([scores[name][place] for name, place in self.places])


@dataclass(frozen=True, slots=True)
class Range:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def traffic_of(name: str, sources: Sequence[Source]) -> Traffic:
    """Return the prompts of a set; of one that mixes, those whose hashed names come first."""
    by_name = {source.name: source for source in sources}
    places: list[tuple[str, int]] = []
    gains: list[float] = []
    for part, weak, strong, most in SETS[name]:
        source = by_name[part]
        found = source.qualities[strong] - source.qualities[weak]
        by_hash = sorted(enumerate(source.ids), key=lambda found: hashlib.sha256(found[1].encode()).digest())
        kept = [place for place, _ in by_hash][: most or None]
        places += [(part, place) for place in kept]
        gains += [float(found[place]) for place in kept]
    return Traffic(places, np.array(gains))


def compare(scores: Floats, others: Sequence[Floats], gains: Floats) -> list[Range]:
    """Return the APGR of scores, and what it is above that of each other, with paired bootstrap intervals."""
    random = np.random.default_rng(0)
    rounds = []
    for _ in range(_ROUNDS):
        drawn = random.integers(0, len(gains), len(gains))
        if gains[drawn].sum() > 0:
            rounds.append(_above(scores[drawn], [other[drawn] for other in others], gains[drawn]))
    low, high = np.percentile(rounds, [2.5, 97.5], axis=0)
    found = _above(scores, others, gains)
    return [Range(*map(float, line)) for line in zip(found, low, high, strict=True)]


def _above(scores: Floats, others: Sequence[Floats], gains: Floats) -> list[float]:
    own = apgr(scores, gains)
    return [own, *(own - apgr(other, gains) for other in others)]


def baselines(sources: Sequence[Source], heuristic: Path) -> list[dict[str, Floats]]:
    """Return the scores of length, and those that a file of another router gives."""
    with heuristic.open(encoding="utf-8", newline="") as lines:
        scores = {row["id"]: float(row["score"] or "nan") for row in csv.DictReader(lines)}
    lengths = {source.name: np.array([len(prompt) for prompt in source.prompts], dtype=float) for source in sources}
    found = {source.name: np.array([scores.get(id_, np.nan) for id_ in source.ids]) for source in sources}
    return [lengths, {name: np.nan_to_num(values) for name, values in found.items()}]
