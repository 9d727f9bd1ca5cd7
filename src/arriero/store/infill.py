"""Whether a vocabulary can fill a gap in a text.

llama.cpp needs three tokens for it (before the gap, after it, the gap) and finds them by their text, because most
files do not name them in their metadata (``llama-vocab.cpp``). This does the same.
"""

import struct
from collections.abc import Mapping

# U+FF5C is the full-width bar in DeepSeek's tokens.
_TEXTS = (
    ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<\uff5cfim▁begin\uff5c>", "<PRE>", "▁<PRE>", "<|code_prefix|>"),
    ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<\uff5cfim▁hole\uff5c>", "<SUF>", "▁<SUF>", "<|code_suffix|>"),
    ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<\uff5cfim▁end\uff5c>", "<MID>", "▁<MID>", "<|code_middle|>"),
)
_IDS = (
    ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"),
    ("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"),
    ("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"),
)


def _as_stored(text: str) -> bytes:
    # With its length in front, a text matches whole tokens only.
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


_STORED = tuple(tuple(_as_stored(text) for text in texts) for texts in _TEXTS)


def has_infill_texts(tokens: bytes) -> bool:
    """Tell whether the raw token array of a GGUF file has all three tokens."""
    return all(any(text in tokens for text in texts) for texts in _STORED)


def has_infill_ids(metadata: Mapping[str, object]) -> bool:
    """Tell whether the metadata names all three tokens."""
    return all(any(key in metadata for key in keys) for keys in _IDS)
