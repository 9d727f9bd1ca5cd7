"""An answer in a format behind thinking that is free of it, where the engine would hold both to it."""

from collections.abc import Callable
from contextlib import aclosing

from msgspec.structs import replace

from arriero.engines.answers.think_text import CLOSE
from arriero.types.chat import TextPrompt, TextRequest
from arriero.types.events import EventStream, Finished, text_and_thinking
from arriero.types.usage import Usage

Ask = Callable[[TextRequest], EventStream]


async def think_then_answer(ask: Ask, request: TextRequest, prompt: TextPrompt) -> EventStream:
    """Ask for the thinking that the prompt has opened, and then, behind it, for the answer in the request's format."""
    sampling, thought, used = request.sampling, "", Usage()
    thinking = replace(request, json_format=None, sampling=replace(sampling, stop=(*sampling.stop, CLOSE)))
    async with aclosing(ask(thinking)) as stream:
        async for events in stream:
            thought += text_and_thinking(events)[1]
            last = events[-1]
            if not isinstance(last, Finished):
                yield events
                continue
            used = last.usage
            most = sampling.max_tokens and sampling.max_tokens - used.completion_tokens
            if last.reason == "length" or (most is not None and most <= 0):
                yield [*events[:-1], replace(last, reason="length")]
                return
            if events[:-1]:
                yield events[:-1]
    answer = replace(
        request,
        prompt=TextPrompt(f"{prompt.text}{thought}\n{CLOSE}\n\n", prompt.context),
        sampling=replace(sampling, max_tokens=most),
    )
    async with aclosing(ask(answer)) as stream:
        async for events in stream:
            end = events[-1]
            if isinstance(end, Finished):
                yield [*events[:-1], replace(end, usage=_together(used, end.usage))]
            else:
                yield events


def _together(thinking: Usage, answer: Usage) -> Usage:
    """What both took. The prompt is that of the thinking: what is behind it has been generated."""
    return replace(
        thinking,
        completion_tokens=thinking.completion_tokens + answer.completion_tokens,
        prompt_ns=thinking.prompt_ns + answer.prompt_ns,
        completion_ns=thinking.completion_ns + answer.completion_ns,
    )
