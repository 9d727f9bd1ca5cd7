"""Recorded outcomes, as a model of routing learns from them: prompts, and what the strong models gain on each."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Prompts that two families share would make a family that is left out one that is half known.
FAMILIES = {
    "routellm_mmlu": "knowledge",
    "mmlu_pro": "knowledge",
    "routellm_gsm8k": "word problems",
    "zeroeval_gsm": "word problems",
    "zeroeval_crux": "code",
    "routellm_mtbench": "chat",
    "provenance_labels": "provenance",
}
LICENCES = {
    "routellm_mmlu": "lm-sys/RouteLLM, Apache-2.0; MMLU, MIT",
    "mmlu_pro": "TIGER-AI-Lab/MMLU-Pro, Apache-2.0",
    "routellm_gsm8k": "lm-sys/RouteLLM, Apache-2.0; GSM8K, MIT",
    "zeroeval_gsm": "WildEval/ZeroEval, Apache-2.0; GSM8K, MIT",
    "zeroeval_crux": "WildEval/ZeroEval, Apache-2.0; CRUXEval, MIT",
    "routellm_mtbench": "lm-sys/RouteLLM, Apache-2.0",
    "provenance_labels": "CLINC150, CC BY 3.0; Arena-Hard v0.1, Apache-2.0",
}
# The mean of several models is less noisy than any of them, and depends on none.
_WEAK = {
    "mmlu_pro": """Phi-3-mini-4k-instruct Meta-Llama-3_1-8B-Instruct Mixtral-8x7B-Instruct-v0.1 Mistral-7B-Instruct-v0.2
        Qwen1.5-7B-Chat Yi-6b-Chat""",
    "zeroeval_gsm": """gemma-2-2b-it Mixtral-8x7B-Instruct-v0.1 Yi-1.5-9B-Chat Meta-Llama-3-8B-Instruct
        Qwen2-7B-Instruct Phi-3.5-mini-instruct Meta-Llama-3.1-8B-Instruct Mistral-Nemo-Instruct-2407""",
    "zeroeval_crux": """Qwen2.5-3B-Instruct gemma-2-2b-it Mixtral-8x7B-Instruct-v0.1 Yi-1.5-9B-Chat
        Meta-Llama-3-8B-Instruct Qwen2-7B-Instruct Phi-3.5-mini-instruct Meta-Llama-3.1-8B-Instruct""",
}
_STRONG = {
    "mmlu_pro": "Meta-Llama-3_1-70B-Instruct gemini-1.5-flash-002 gemini-1.5-pro-002",
    "zeroeval_gsm": """Meta-Llama-3.1-70B-Instruct Mistral-Large-2 Llama-3.1-405B-Instruct-Turbo gpt-4o-2024-05-13
        claude-3-5-sonnet-20240620 Qwen2-72B-Instruct""",
    "zeroeval_crux": """Qwen2.5-72B-Instruct Meta-Llama-3.1-70B-Instruct Mistral-Large-2 Llama-3.1-405B-Inst-fp8
        gpt-4o-2024-05-13 claude-3-5-sonnet-20240620""",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One file.

    gains: strong minus weak; of labels, 1 and -1. kinds: the subject of each prompt, where a file has many.
    qualities: of each model; NaN where it has not answered.
    """

    name: str
    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    kinds: NDArray[np.str_]
    gains: Floats
    qualities: dict[str, Floats]

    @property
    def family(self) -> str:
        """What is left out together with it."""
        return FAMILIES[self.name]


def read_sources(folder: Path) -> list[Source]:
    """Read the files of ``public`` in a folder; prompts that a model has been trained on are left out."""
    return [_read(folder / "public" / f"{name}.jsonl.gz", name) for name in FAMILIES]


def _read(path: Path, name: str) -> Source:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if not row.get("contaminated")]
    models = sorted({model for row in rows for model in row.get("q", ())})
    qualities = {model: np.array([row["q"].get(model, np.nan) for row in rows], dtype=float) for model in models}
    if name == "provenance_labels":
        gains = np.array([1.0 if row["label"] == "COMPLEX" else -1.0 for row in rows])
    else:
        gains = _mean(qualities, _STRONG.get(name, "gpt-4-1106")) - _mean(qualities, _WEAK.get(name, "mixtral-8x7b"))
    is_of_many = FAMILIES[name] == "knowledge"
    return Source(
        name,
        tuple(row["id"] for row in rows),
        tuple(row["prompt"] for row in rows),
        np.array([row["domain"] if is_of_many else name for row in rows]),
        gains,
        qualities,
    )


def models_of(name: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return the weak and the strong models of a file whose means are compared."""
    if name == "provenance_labels":
        return (), ()
    return _WEAK.get(name, "mixtral-8x7b").split(), _STRONG.get(name, "gpt-4-1106").split()


def _mean(qualities: dict[str, Floats], models: str) -> Floats:
    return np.asarray(np.nanmean([qualities[model] for model in models.split()], axis=0), dtype=float)
