"""What a server that speaks OpenAI's API is asked for an answer: request bodies. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from arriero.engines.chat_messages import chat_format, message_body
from arriero.engines.openai.quirks import Quirks
from arriero.engines.openai.sampling import sampling_body
from arriero.types.chat import ChatPrompt, Message, NamedTool, TextRequest, ToolCall


# Bodies are JSON in the making.
def chat_request(model: str, prompt: ChatPrompt, request: TextRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for ``/v1/chat/completions``."""
    body = _request(model, request, quirks) | chat_body(prompt, quirks)
    if prompt.tools:
        body |= _tools(prompt, quirks)
        if prompt.tool_choice != "auto":
            # A call that is forced is the answer, and has a form of its own.
            body.pop("response_format", None)
    if request.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    return body


def text_request(model: str, prompt: str | Sequence[int], request: TextRequest, quirks: Quirks) -> dict[str, Any]:
    """The body for ``/v1/completions``. prompt: a text, or tokens."""
    body = _request(model, request, quirks) | {"prompt": prompt}
    if request.top_logprobs is not None:
        body["logprobs"] = request.top_logprobs
    return body


def chat_body(prompt: ChatPrompt, quirks: Quirks) -> dict[str, Any]:
    """The part of a request that the chat template reads, but for the tools."""
    messages = _with_call_ids(prompt.messages)
    body: dict[str, Any] = {"messages": [_message(message, quirks) for message in messages]}
    if quirks.continues and _ends_open(messages):
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    if prompt.think is None:
        return body
    if isinstance(prompt.think, str):
        body["reasoning_effort"] = prompt.think
    if quirks.takes_template_arguments:
        # Templates differ in what they call it, and pass over what they do not know.
        arguments: dict[str, Any] = {"enable_thinking": bool(prompt.think), "thinking": bool(prompt.think)}
        if isinstance(prompt.think, str):
            arguments["reasoning_effort"] = prompt.think
        body["chat_template_kwargs"] = arguments
    return body


def tokenize_body(model: str, prompt: ChatPrompt, quirks: Quirks) -> dict[str, Any]:
    """The body for ``/tokenize`` of a chat."""
    body = {"model": model, **chat_body(prompt, quirks)}
    if quirks.counts_open_turns:
        body.pop("add_generation_prompt", None)
    return body | ({"tools": prompt.tools} if prompt.tools else {})


def _request(model: str, request: TextRequest, quirks: Quirks) -> dict[str, Any]:
    usage = {"include_usage": True}
    if quirks.tells_usage_early and len(request.sampling.stop) > quirks.most_stops:
        # An answer that is ended here ends before the chunk that would tell.
        usage["continuous_usage_stats"] = True
    body = {
        "model": model,
        "stream": True,
        "stream_options": usage,
        **{name: value for name, value in request.engine_fields.items() if name in quirks.takes},
        **sampling_body(request.sampling, quirks),
        **chat_format(request.json_format),
    }
    if request.sampling.max_tokens is not None:
        body["max_tokens"] = request.sampling.max_tokens
    return body


def _tools(prompt: ChatPrompt, quirks: Quirks) -> dict[str, Any]:
    tools: Sequence[Mapping[str, Any]] = prompt.tools
    choice: Any = prompt.tool_choice
    if choice != "auto" and quirks.is_strict:
        tools = [_strict(tool) for tool in tools]
    if isinstance(choice, NamedTool):
        choice = {"type": "function", "function": {"name": choice.name}}
    body: dict[str, Any] = {"tools": tools, "tool_choice": choice}
    if prompt.is_one_call:
        body["parallel_tool_calls"] = False
    return body


def _strict(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tool whose call is held to its schema: else arguments of a forced call may be anything."""
    function = tool.get("function")
    return {**tool, "function": {**function, "strict": True}} if isinstance(function, Mapping) else tool


def _message(message: Message, quirks: Quirks) -> dict[str, Any]:
    wire = message_body(message)
    thinking = wire.pop("reasoning_content", None)
    return wire if thinking is None else {**wire, **dict.fromkeys(quirks.thinking_keys, thinking)}


def _ends_open(messages: Sequence[Message]) -> bool:
    last = messages[-1] if messages else None
    return last is not None and last.role == "assistant" and bool(last.content) and not last.tool_calls


def _with_call_ids(messages: Sequence[Message]) -> Sequence[Message]:
    """Messages in which every call has an id, and every result says which call it answers, in their order.

    OpenAI's API wants both, and Ollama's has neither. Some templates take only ids of nine letters and digits.
    """
    if not any(message.tool_calls or message.role == "tool" for message in messages):
        return messages
    named: list[Message] = []
    unanswered: list[ToolCall] = []
    for number, message in enumerate(messages):
        if message.tool_calls:
            calls = tuple(
                call if call.id else replace(call, id=f"{number:05d}{place:04d}")
                for place, call in enumerate(message.tool_calls)
            )
            unanswered = list(calls)
            named.append(replace(message, tool_calls=calls))
        elif message.role == "tool" and not message.tool_call_id and unanswered:
            answered = next((call for call in unanswered if call.name == message.tool_name), unanswered[0])
            unanswered.remove(answered)
            named.append(replace(message, tool_call_id=answered.id))
        else:
            named.append(message)
    return named
