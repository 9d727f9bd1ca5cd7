"""Answers as engines stream them, in the shapes that they were seen in."""

import json

# Chunks are foreign JSON.
from typing import Any

DONE = b"data: [DONE]\n\n"
TIMINGS = {"cache_n": 0, "prompt_n": 31, "prompt_ms": 104.5, "predicted_n": 3, "predicted_ms": 15.25}
USAGE = {
    "completion_tokens": 3,
    "prompt_tokens": 31,
    "total_tokens": 34,
    "prompt_tokens_details": {"cached_tokens": 20},
}


def event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def chat_chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """One chunk of llama.cpp's chat completions."""
    choice = {"finish_reason": finish_reason, "index": 0, "delta": delta}
    return event({"choices": [choice], **_head("chat.completion.chunk")})


def usage_chunk() -> bytes:
    """The last chunk of llama.cpp's chat completions, without a choice."""
    return event({"choices": [], **_head("chat.completion.chunk"), "usage": USAGE, "timings": TIMINGS})


def chat_stream(*texts: str, reason: str = "stop") -> bytes:
    """An answer of llama.cpp's chat completions."""
    role = chat_chunk({"role": "assistant", "content": None})
    content = b"".join(chat_chunk({"content": text}) for text in texts)
    return role + content + chat_chunk({}, reason) + usage_chunk() + DONE


def text_stream(*texts: str, reason: str = "stop") -> bytes:
    """An answer of llama.cpp's text completions: usage and timings come with the reason to stop."""
    chunks = [event({"choices": [_text(text, None)], **_head("text_completion")}) for text in texts]
    last = {"choices": [_text("", reason)], **_head("text_completion"), "usage": USAGE, "timings": TIMINGS}
    return b"".join(chunks) + event(last) + DONE


def _text(text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


def _head(kind: str) -> dict[str, Any]:
    return {
        "created": 1_755_820_000,
        "id": "chatcmpl-x",
        "model": "smollm2",
        "system_fingerprint": "b1-abc",
        "object": kind,
    }
