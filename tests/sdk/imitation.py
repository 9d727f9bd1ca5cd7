"""A fake engine that answers what the scenarios ask as SmolLM2 and Qwen do."""

import asyncio
import json
import re
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from arriero.engines.fake import FakeEngine, Script, prompt_text
from arriero.errors import EngineDied, EngineFailed
from arriero.types.chat import ChatPrompt, InfillPrompt, NamedTool, Prompt, TextRequest, ToolCall
from arriero.types.events import Event, EventStream, Finished, ThinkingDelta, ToolCallDelta
from arriero.types.usage import Usage
from tests.sdk.questions import ANSWER, ENDLESS, THOUGHT, THOUGHTFUL_ANSWER

# Far more than anybody waits for.
_ENDLESS = [[" and"]] * 100_000
_ENDLESS_PIECE_S = 0.001
_TOKEN = re.compile(r"\s*\S+")


class Imitation(FakeEngine):
    """thinks: whether it thinks before it answers. ``break_off`` has the answers under way fail."""

    def __init__(self, *, thinks: bool = False) -> None:
        super().__init__(self._told, context=2048)
        self._thinks = thinks
        self._broken = asyncio.Event()

    def break_off(self) -> None:
        """Fail as an engine does that dies; later answers are well."""
        self._broken.set()
        self._broken = asyncio.Event()

    async def count(self, prompt: Prompt) -> int:
        """The words of a prompt, and what a template adds."""
        match prompt:
            case ChatPrompt(messages=messages):
                return sum(
                    8 + len(message.content.split()) + 9 * (len(message.tool_calls) + len(message.images))
                    for message in messages
                )
            case _:
                return 8 + await FakeEngine.count(self, prompt)

    async def _answer(self, request: TextRequest) -> EventStream:
        if request.json_format is not None and (request.json_format.schema or {}).get("type") == "strange":
            raise EngineFailed("invalid JSON schema: Unsupported type", 400)
        prompt_tokens = await self.count(request.prompt)
        broken, pieces = self._broken, 0
        async with aclosing(FakeEngine._answer(self, request)) as stream:
            async for batch in stream:
                if broken.is_set():
                    raise EngineDied("the engine went away")
                yield [_ended(event, request, Usage(prompt_tokens, completion_tokens=pieces)) for event in batch]
                pieces += 1

    def _told(self, request: TextRequest) -> Script:
        if ENDLESS in prompt_text(request):
            return Script(_ENDLESS[: request.sampling.max_tokens], piece_s=_ENDLESS_PIECE_S)
        return Script(self._pieces(request))

    def _pieces(self, request: TextRequest) -> Sequence[Sequence[str | Event]]:
        calls = _calls(request)
        if calls:
            return [[ToolCallDelta(index, call)] for index, call in enumerate(calls)]
        thought, text = self._thought(request), _text(request, thinks=self._thinks)
        spoken: list[list[str | Event]] = [[token] for token in _until_stop(text, request)]
        return [*thought, *spoken][: request.sampling.max_tokens]

    def _thought(self, request: TextRequest) -> list[list[str | Event]]:
        prompt = request.prompt
        if not self._thinks or not isinstance(prompt, ChatPrompt) or prompt.think is False or prompt.tools:
            return []
        return [[ThinkingDelta(token)] for token in _TOKEN.findall(THOUGHT)]


def _calls(request: TextRequest) -> list[ToolCall]:
    """What a model calls: a tool that it must call, or the weather of the places asked for."""
    prompt = request.prompt
    if not isinstance(prompt, ChatPrompt) or not prompt.tools or prompt.messages[-1].role == "tool":
        return []
    places = [place for place in ("Paris", "Rome") if place in prompt_text(request)] or ["Paris"]
    if prompt.tool_choice == "auto" and "weather" not in prompt_text(request):
        return []
    names = [tool["function"]["name"] for tool in prompt.tools]
    name = prompt.tool_choice.name if isinstance(prompt.tool_choice, NamedTool) else names[0]
    calls = [ToolCall(name, {"location": place}, f"call_{place}") for place in places]
    return calls[:1] if prompt.is_one_call else calls


def _text(request: TextRequest, *, thinks: bool) -> str:
    if request.json_format is not None:
        return json.dumps(_instance(request.json_format.schema or {}))
    match request.prompt:
        case InfillPrompt():
            return "a + b"
        case ChatPrompt(messages=[*_, last]) if last.role == "tool":
            return f"It is {last.content}."
        case _:
            return THOUGHTFUL_ANSWER if thinks else ANSWER


# A schema, and what it describes, are any JSON.
def _instance(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "boolean":
            return True
        case "integer" | "number":
            return 2
        case "string":
            return "Paris"
        case _:
            return {name: _instance(of_name) for name, of_name in schema.get("properties", {}).items()}


def _until_stop(text: str, request: TextRequest) -> list[str]:
    ends = [text.index(stop) for stop in request.sampling.stop if stop in text]
    return _TOKEN.findall(text[: min(ends)]) + [" "] * text[: min(ends)].endswith(" ") if ends else _TOKEN.findall(text)


def _ended(event: Event, request: TextRequest, usage: Usage) -> Event:
    """An event; the end of an answer with why it came: a limit, or which text."""
    if not isinstance(event, Finished):
        return event
    limit = request.sampling.max_tokens
    reason = "length" if limit is not None and usage.completion_tokens >= limit else "stop"
    [*found] = [stop for stop in request.sampling.stop if stop in ANSWER]
    return replace(event, reason=reason, usage=usage, stop_text=found[0] if found and reason == "stop" else "")
