"""Answers as an Ollama streams them."""

import json

# Lines are foreign JSON.
from typing import Any

from arriero.types.usage import Usage

COUNTS = {
    "total_duration": 900,
    "load_duration": 100,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 130,
    "eval_count": 3,
    "eval_duration": 423,
}
USAGE = Usage(prompt_tokens=26, completion_tokens=3, prompt_ns=130, completion_ns=423)


def line(**fields: Any) -> bytes:
    head = {"model": "m", "created_at": "2026-08-22T10:00:00.123456789Z"}
    return json.dumps({**head, **fields}, ensure_ascii=False).encode() + b"\n"


def said(text: str = "", done: bool = False, **message: Any) -> bytes:
    """A line of a chat."""
    return line(message={"role": "assistant", "content": text, **message}, done=done)


def end(reason: str | None = "stop", **more: Any) -> bytes:
    """The line that ends a chat."""
    told = {} if reason is None else {"done_reason": reason}
    return line(message={"role": "assistant", "content": ""}, done=True, **told, **COUNTS, **more)


def chat(*texts: str) -> bytes:
    """An answer to a chat."""
    return b"".join(said(text) for text in texts) + end()


def generated(*texts: str, **more: Any) -> bytes:
    """What was generated from a text."""
    last = line(response="", done=True, done_reason="stop", **COUNTS, **more)
    return b"".join(line(response=text, done=False) for text in texts) + last
