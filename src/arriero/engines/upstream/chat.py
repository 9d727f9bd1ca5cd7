"""What a model's chat template can do, found out by counting tokens: vLLM and SGLang have it, and do not tell it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from arriero.engines.upstream.questions import Questions
from arriero.errors import EngineDied, EngineFailed

_HELLO: Mapping[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {}},
    },
}
# 32 by 32 black pixels: some models take none that are smaller.
_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAGUlEQVR42u3BMQEAAADCoPVP7WENoA"
    "AAAG4MIAABITLN7AAAAABJRU5ErkJggg=="
)
_LOOK = {
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": _PICTURE}}],
        }
    ]
}
_OPEN = "<think>"
_NO_TOOLS = re.compile(r"tool choice|tool-call-parser|without tools")


@dataclass(frozen=True, slots=True)
class Template:
    """Whether there is one, and whether it writes tools into a prompt, and thinks. is_known: the server could tell."""

    is_there: bool = True
    is_known: bool = True
    takes_tools: bool = False
    thinks: bool = False


class _Tokens(Struct):
    tokens: list[int]


class _Text(Struct):
    # vLLM's name, and SGLang's.
    prompt: str = ""
    text: str = ""


async def probe_template(questions: Questions, model: str) -> Template:
    """What the model's template does."""
    hello = {"model": model, **_HELLO}
    plain = await questions.post("/tokenize", hello, _Tokens)
    if isinstance(plain, EngineFailed):
        # A base model: its server knows how to count, and refuses to make a prompt of messages.
        is_refused = plain.status < 500 and not plain.has_no_route and not isinstance(plain, EngineDied)
        return Template(is_there=not is_refused, is_known=False)
    return Template(
        takes_tools=await _differs(questions, {**hello, "tools": [_TOOL]}, plain),
        thinks=await _thinks(questions, hello, plain),
    )


async def takes_pictures(questions: Questions, model: str) -> bool:
    """Whether a prompt can be made of a message with a picture."""
    return not isinstance(await questions.post("/tokenize", {"model": model, **_LOOK}, _Tokens), EngineFailed)


async def embeds(questions: Questions, model: str) -> bool:
    """Whether the server embeds. The request is one that it refuses: nothing is computed."""
    refusal = await questions.refusal("/v1/embeddings", {"model": model})
    return refusal is not None and refusal.status < 500 and not refusal.has_no_route


async def calls_tools(questions: Questions, model: str) -> bool:
    """Whether the server takes tools. The request is one that it refuses in any case: nothing is generated."""
    body = {"model": model, **_HELLO, "tools": [_TOOL], "tool_choice": "auto", "temperature": -1, "max_tokens": 1}
    refusal = await questions.refusal("/v1/chat/completions", body)
    return refusal is None or not _NO_TOOLS.search(refusal.message)


async def _thinks(questions: Questions, hello: Mapping[str, Any], plain: _Tokens) -> bool:
    # Templates know the switch under either name, and some have none and always open the thinking.
    off = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
    on = {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}}
    if await _differs(questions, {**hello, **off}, plain) or await _differs(questions, {**hello, **on}, plain):
        return True
    text = await questions.post("/detokenize", {"model": hello["model"], "tokens": plain.tokens}, _Text)
    return isinstance(text, _Text) and (text.prompt or text.text).rstrip().endswith(_OPEN)


async def _differs(questions: Questions, body: Mapping[str, Any], plain: _Tokens) -> bool:
    other = await questions.post("/tokenize", body, _Tokens)
    return isinstance(other, _Tokens) and other.tokens != plain.tokens
