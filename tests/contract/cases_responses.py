"""OpenAI's Responses API."""

from typing import Any

from tests.contract.case import EVENTS_TYPE, Case, Expected
from tests.contract.cases_dialects import failed
from tests.contract.cases_general import post
from tests.contract.matching import REST, Holds
from tests.contract.models import PIECES, TEXT

PATH = "/v1/responses"
USAGE = {
    "input_tokens": "<int>",
    "output_tokens": "<int>",
    "total_tokens": "<int>",
    "input_tokens_details": {"cached_tokens": "<int>", "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": "<int>"},
}
PART = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
MESSAGE = {"id": "msg_*", "type": "message", "status": "completed", "role": "assistant", "content": [PART]}
WHOLE = {
    "id": "resp_*",
    "object": "response",
    "created_at": "<int>",
    "completed_at": "<int>",
    "status": "completed",
    "incomplete_details": None,
    "model": "gen",
    "previous_response_id": None,
    "instructions": None,
    "output": [MESSAGE],
    "error": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "reasoning": None,
    "usage": USAGE,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": False,
    "background": False,
    "service_tier": "default",
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
}
BEGUN = {**WHOLE, "completed_at": None, "status": "in_progress", "output": [], "usage": None}
OF_TEXT = {"item_id": "msg_*", "output_index": 0, "content_index": 0}


# Patterns are JSON.
def events(*patterns: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**pattern, "sequence_number": number} for number, pattern in enumerate(patterns)]


def delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", **OF_TEXT, "delta": text, "logprobs": []}


STREAM = events(
    {"type": "response.created", "response": BEGUN},
    {"type": "response.in_progress", "response": BEGUN},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**MESSAGE, "status": "in_progress", "content": []},
    },
    {"type": "response.content_part.added", **OF_TEXT, "part": {**PART, "text": ""}},
    *(delta(text) for batch in PIECES for text in batch),
    {"type": "response.output_text.done", **OF_TEXT, "text": TEXT, "logprobs": []},
    {"type": "response.content_part.done", **OF_TEXT, "part": PART},
    {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
    {"type": "response.completed", "response": WHOLE},
)
BROKEN = {
    "type": "response.failed",
    "sequence_number": "<int>",
    "response": {"…": None, "status": "failed", "error": {"code": "server_error", "message": "out of memory"}},
}

RESPONSES = [
    Case(
        121,
        "response",
        (post(PATH, {"model": "gen", "input": "hi"}, Expected(200, "application/json", WHOLE)),),
    ),
    Case(
        122,
        "response stream",
        (
            post(
                PATH,
                {"model": "gen", "input": "hi", "stream": True},
                Expected(200, EVENTS_TYPE, STREAM, "named events"),
            ),
        ),
    ),
    Case(
        122,
        "response stream that breaks off",
        (
            post(
                PATH,
                {"model": "gen", "input": "fail in the middle", "stream": True},
                Expected(200, EVENTS_TYPE, [{"…": None}, REST, BROKEN], "named events"),
            ),
        ),
    ),
    Case(
        123,
        "unknown item",
        (
            post(
                PATH,
                {"model": "gen", "input": [{"type": "foo"}]},
                failed(400, 'input[0]: unknown input item type: "foo"', "invalid_request_error"),
            ),
        ),
    ),
    Case(
        123,
        "unknown item among others",
        (
            post(
                PATH,
                {"model": "gen", "input": [{"role": "user", "content": "hi"}, {"id": "x"}]},
                failed(400, "input[1]: input item missing required 'type' field", "invalid_request_error"),
            ),
        ),
    ),
    Case(
        122,
        "a response that is cut off is incomplete",
        (
            post(
                PATH,
                {"model": "gen", "input": "Write a long story.", "max_output_tokens": 2},
                Expected(
                    200,
                    "application/json",
                    {
                        "…": None,
                        "status": "incomplete",
                        "incomplete_details": {"reason": "max_output_tokens"},
                        "output": [{**MESSAGE, "status": "incomplete", "content": Holds("a text", bool)}],
                        "max_output_tokens": 2,
                    },
                ),
            ),
        ),
    ),
]
