"""Anthropic's Messages API."""

from typing import Any

from arriero.types.chat import ChatPrompt, Message, ToolCall
from tests.contract.case import EVENTS_TYPE, Case, Expected
from tests.contract.cases_general import USER, post
from tests.contract.matching import REST, Either
from tests.contract.models import PIECES, TEXT
from tests.serving import Running

PATH = "/v1/messages"
USAGE = {"input_tokens": "<int>", "output_tokens": "<int>"}
WHOLE = {
    "id": "msg_*",
    "type": "message",
    "role": "assistant",
    "model": "gen",
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": Either(("end_turn", "max_tokens")),
    "stop_sequence": None,
    "usage": USAGE,
}


# Patterns and bodies are JSON.
def asked(**body: Any) -> dict[str, Any]:
    return {"model": "gen", "max_tokens": 32, "messages": USER, **body}


def failed(status: int, message: str, kind: str) -> Expected:
    told = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_*"}
    return Expected(status, "application/json", told)


def delta(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


START = {"type": "message_start", "message": {**WHOLE, "content": [], "stop_reason": None}}
STREAM = [
    START,
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *(delta(text) for batch in PIECES for text in batch),
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
    {"type": "message_stop"},
]
BROKEN = {"type": "error", "error": {"type": "api_error", "message": "out of memory"}, "request_id": "req_*"}
CALL = {"type": "tool_use", "id": "call_1", "name": "get_weather", "input": {"location": "Boston"}}
RESULT = {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "rain"}]}


async def results_come_before_text(server: Running) -> None:
    turns = [
        {"role": "user", "content": "the weather?"},
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [{"type": "text", "text": "and now?"}, RESULT]},
    ]
    async with server.client.post(PATH, json=asked(model="tool", messages=turns)) as response:
        assert response.status == 200
    engine = server.loader.loaded[-1].engine
    prompt = engine.requests[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    assert prompt.messages == (
        Message("user", "the weather?"),
        Message("assistant", "", tool_calls=(ToolCall("get_weather", {"location": "Boston"}, "call_1"),)),
        Message("tool", "rain", tool_name="get_weather", tool_call_id="call_1"),
        Message("user", "and now?"),
    )


ANTHROPIC = [
    Case(124, "message", (post(PATH, asked(), Expected(200, "application/json", WHOLE)),)),
    Case(
        125,
        "message stream",
        (post(PATH, asked(stream=True), Expected(200, EVENTS_TYPE, STREAM, "named events")),),
    ),
    Case(
        125,
        "message stream that breaks off",
        (
            post(
                PATH,
                asked(stream=True, messages=[{"role": "user", "content": "fail in the middle"}]),
                Expected(200, EVENTS_TYPE, [START, {"…": None}, REST, BROKEN], "named events"),
            ),
        ),
    ),
    Case(
        126,
        "message without a limit",
        (
            post(
                PATH,
                {"model": "gen", "messages": USER},
                failed(400, "max_tokens is required and must be positive", "invalid_request_error"),
            ),
        ),
    ),
    Case(
        126,
        "message of an unknown model",
        (post(PATH, asked(model="nope"), failed(404, "model 'nope' not found", "not_found_error")),),
    ),
    Case(
        127,
        "thinking of a model that cannot",
        (
            post(
                PATH,
                asked(thinking={"type": "enabled", "budget_tokens": 1024}),
                Expected(200, "application/json", WHOLE),
            ),
        ),
    ),
    Case(128, "results of tools before the text", (results_come_before_text,)),
]
