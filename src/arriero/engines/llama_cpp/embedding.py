"""Embeddings by llama.cpp: what a model is loaded with for them."""

import math
from dataclasses import dataclass
from typing import Any

from arriero.engines.base import Plan
from arriero.types.models import Architecture

# llama.cpp's numbers for how the vectors of all tokens become one.
_MEAN, _LAST = 1, 3
_BATCH = 2048
# llama.cpp ends itself when it begins with less: it warms up with two tokens, and takes one of each slot at a time.
_LEAST_BATCH = 2


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """How a model is loaded, so that it embeds.

    pooling: llama.cpp's number; None leaves the model's own. batch: tokens that are computed at once.
    input_limit: tokens of an input at most.
    """

    pooling: int | None
    batch: int
    input_limit: int

    def params(self) -> dict[str, Any]:
        """Under the names of the wheel's settings."""
        pooling = {} if self.pooling is None else {"pooling_type": self.pooling}
        return {"embedding": True, **pooling, "n_batch": self.batch, "n_ubatch": self.batch}

    def flags(self) -> list[str]:
        """As a binary's flags."""
        pooling = [] if self.pooling is None else ["--pooling", "mean"]
        return [*pooling, "--batch-size", str(self.batch), "--ubatch-size", str(self.batch)]

    def variables(self) -> dict[str, str]:
        """As a binary's variables."""
        return {"LLAMA_ARG_EMBEDDINGS": "1"}


def batch_of(plan: Plan) -> int:
    """The tokens that a model for text computes at once."""
    return _shared(max(plan.options.batch or _BATCH, _LEAST_BATCH), plan)


def _shared(batch: int, plan: Plan) -> int:
    """A batch at least as large, with as many tokens for each slot: means of another are the end of llama.cpp."""
    return math.ceil(batch / plan.slots) * plan.slots


def embedding_settings(architecture: Architecture, plan: Plan) -> EmbeddingSettings:
    """How to load a model that embeds, too.

    A model for text takes the mean over all tokens. That, and whatever looks at a whole text at once, has to be
    computed in one batch, whose size costs memory only once a text of that length comes, where there is no GPU.
    """
    batch = batch_of(plan)
    if not architecture.pooling_type:
        return EmbeddingSettings(_MEAN, batch, min(plan.context, batch))
    if architecture.pooling_type == _LAST:
        return EmbeddingSettings(None, batch, plan.context)
    return EmbeddingSettings(None, _shared(plan.context, plan), plan.context)
