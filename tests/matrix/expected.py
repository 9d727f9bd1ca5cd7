"""The cells that are no for a reason that stays: each row and column, and why."""

from collections.abc import Mapping

# By row, then by column, as the table names them.
_EITHER = "a server of this kind makes text or vectors, not both: start another for vectors; this one is 501"
REASONS: Mapping[str, Mapping[str, str]] = {
    "embed": {"vLLM": _EITHER, "SGLang": _EITHER},
    "openai for Python: embeddings": {"vLLM": _EITHER, "SGLang": _EITHER},
    "seed": {
        "SGLang": "SGLang heeds a seed with --enable-deterministic-inference only, which it refuses on a CPU; "
        "the answer tells: x-arriero-ignored: seed"
    },
}


def reason(row: str, column: str) -> str | None:
    """Why this cell is no; None where it should be yes."""
    return REASONS.get(row, {}).get(column)
