"""What an engine says when it refuses or fails, as this server's own errors. Pure.

Engines tell the same thing in words of their own; those that matter to what is done next are known here.
"""

import re
from html import unescape
from typing import Any

import msgspec
from msgspec import Struct

from arriero.errors import EngineFailed, PromptTooLong
from arriero.protocol.openai_engine import UNREADABLE, EngineError

_MOST_SHOWN = 500
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_NO_REASON = "the engine failed and does not say why"
# How engines tell a schema that they cannot read, of a format or of a tool.
_SCHEMA_ERRORS = (
    # llama.cpp, behind words about parsers.
    re.compile(r"JSON schema error(?P<why>.*)", re.DOTALL),
    # vLLM.
    re.compile(r"Failed to transform json schema into a grammar:(?P<why>.*)", re.DOTALL),
    re.compile(r"Grammar error:(?P<why>.*)", re.DOTALL),
    # SGLang.
    re.compile(r"Failed to compile (?:json|structural_tag|structural tag) grammar:(?P<why>.*)", re.DOTALL),
)
# Where a grammar compiler of theirs says in which line of its own source it stumbled.
_SOURCE_LINE = re.compile(r"^(?:\[[\d:]+\]\s*)?(?:\S+:\d+:\s*)?")
# llama.cpp calls these errors of its own.
_MEDIA_REFUSALS = {
    "Failed to load image": "an image or a sound of the request cannot be read: it is damaged, or of an unknown kind",
    "image input is not supported": "the model takes no images",
    "audio input is not supported": "the model takes no sound",
}
# What in a refusal may be the key, a part of it, or its hash: it is this server's, and no affair of its clients.
_KEY = re.compile(r"\bsk-\S+|\S*\*{2,}\S*|[A-Za-z0-9]{24,}")
_NO_TOOL_PARSER = "requires --enable-auto-tool-choice"
# A prompt that is longer (``has``) than there is room for (``limit``), in the words of vLLM, SGLang, OpenAI and others.
_PROMPT_TOO_LONG = (
    re.compile(
        r"maximum context length is (?P<limit>\d+) tokens\. However, your (?:prompt|messages|request|input) "
        r"(?:contains|resulted in|has|have) (?:at least )?(?P<has>\d+) (?:input )?tokens"
    ),
    re.compile(r"input \((?P<has>\d+) tokens\) is longer than the model's context length \((?P<limit>\d+) tokens\)"),
    re.compile(r"Input length \((?P<has>\d+)(?: tokens)?\) exceeds \D*\((?P<limit>\d+)(?: tokens)?\)"),
    # Another arriero.
    re.compile(r"the prompt has (?P<has>\d+) tokens, which exceeds the context of (?P<limit>\d+) tokens"),
    re.compile(r"prompt \(length (?P<has>\d+)\) is longer than the maximum model length of (?P<limit>\d+)"),
    re.compile(
        r"Input tokens exceed the configured limit of (?P<limit>\d+) tokens\. Your messages resulted in (?P<has>\d+)"
    ),
    re.compile(r"maximum context length is (?P<limit>\d+) tokens\. However, your prompt contains (?P<bytes>\d+) char"),
)
# A prompt and an answer that do not fit together.
_ANSWER_TOO_LONG = (
    re.compile(
        r"maximum context length (?:is|of) (?P<limit>\d+) tokens\. .*?requested (?:a total of )?\d+ tokens:? ?"
        r"\(?(?P<has>\d+) (?:tokens from|in) the"
    ),
    re.compile(r"maximum context length is (?P<limit>\d+) tokens and your request has (?P<has>\d+) input tokens"),
    re.compile(r"max_tokens=\d+ cannot be greater than max_model_len=(?P<limit>\d+)"),
    re.compile(r"max_completion_tokens is too large: \d+\.\s*This model supports at most (?P<limit>\d+)"),
)


class AnswerTooLong(EngineFailed):
    """Prompt and answer together may take ``limit`` tokens, of which the prompt has ``prompt_tokens``, if told."""

    def __init__(self, message: str, prompt_tokens: int, limit: int) -> None:
        super().__init__(message, 400)
        self.prompt_tokens = prompt_tokens
        self.limit = limit


class _Body(Struct):
    """The body of an answer with an error status, as any of the servers writes it."""

    error: EngineError | str | None = None
    message: str | None = None
    type: str | None = None
    # FastAPI's: a text, or a list of what is wrong where.
    detail: Any = None


def read_refusal(status: int, content: bytes, path: str = "") -> EngineFailed:
    """What an answer with an error status says. path: of what was asked for."""
    try:
        body = msgspec.json.decode(content, type=_Body)
    except UNREADABLE:
        return _failure(_told_without_json(content) or f"the engine answered {status}", status)
    if body.error is None and status == 404 and body.detail == "Not Found":
        return EngineFailed(f"the engine has no {path or 'such route'}", 501)
    error = body.error
    if isinstance(error, EngineError) and not error.message:
        error = body.message
    return engine_failure(error or body.message or _told_in_detail(body.detail), 400 if status == 422 else status)


def refusal_within(payload: bytes) -> EngineFailed | None:
    """What has gone wrong, by an event of a stream that says so in place of any choices; None where it does not."""
    try:
        body = msgspec.json.decode(payload, type=_Body)
    except UNREADABLE:
        return None
    told = body.message or _told_in_detail(body.detail)
    return _failure(told, 500) if told else None


def misled(status: int, location: str | None) -> EngineFailed:
    """An answer that is neither one nor a refusal: a status below 400 other than 200. location: where it points to."""
    if location:
        # Behind the path stands what is meant for a browser, such as the state of a login.
        place = re.split(r"[?#]", location)[0]
        return EngineFailed(f"the engine answered {status} and points to {place}: give that as its URL", 502)
    return EngineFailed(f"the engine answered {status}, and so nothing that can be handed on", 502)


def engine_failure(error: EngineError | str | None, status: int) -> EngineFailed:
    """An engine's own error, with the HTTP status that it names, else the given one."""
    if not isinstance(error, EngineError):
        return _failure(error or _NO_REASON, status)
    if error.type == "exceed_context_size_error" and error.n_ctx:
        return PromptTooLong(error.n_prompt_tokens, error.n_ctx)
    code = error.code if isinstance(error.code, int) and 400 <= error.code < 600 else status
    return _failure(error.message or _NO_REASON, code)


def _failure(message: str, status: int) -> EngineFailed:
    # SGLang shows where in its source a request was found to be wrong.
    message = message.partition('\n\n  File "')[0].strip()
    if status in (401, 403):
        told = _KEY.sub("…", message)
        return EngineFailed(f"the engine refuses this server's key, or wants one: {told}", 502)
    if status == 429:
        return EngineFailed(f"the engine is busy: {message}", 503)
    return _known(message) or EngineFailed(message, status)


def _known(message: str) -> EngineFailed | None:
    for start, told in _MEDIA_REFUSALS.items():
        if message.startswith(start):
            return EngineFailed(told, 400)
    for pattern in _SCHEMA_ERRORS:
        if found := pattern.search(message):
            return EngineFailed(f"invalid JSON schema: {_SOURCE_LINE.sub('', found['why'].strip(), 1).strip()}", 400)
    if _NO_TOOL_PARSER in message:
        return EngineFailed(
            "the engine was started without tools: start vLLM with --enable-auto-tool-choice and --tool-call-parser",
            400,
        )
    for pattern in _PROMPT_TOO_LONG:
        if found := pattern.search(message):
            limit = int(found["limit"])
            return PromptTooLong(int(found["has"]) if "has" in pattern.groupindex else limit + 1, limit)
    for pattern in _ANSWER_TOO_LONG:
        if found := pattern.search(message):
            has = int(found["has"]) if "has" in pattern.groupindex else 0
            limit = int(found["limit"])
            return PromptTooLong(has, limit) if has >= limit else AnswerTooLong(message, has, limit)
    return None


def _told_without_json(content: bytes) -> str:
    """A text as it is; of a web page, its title."""
    text = content.decode("utf-8", "replace").strip()
    if not text.startswith("<"):
        return text[:_MOST_SHOWN]
    title = " ".join(unescape(found[1]).split()) if (found := _TITLE.search(text)) else ""
    return f"a web page came in place of an answer: {title[:_MOST_SHOWN]}".removesuffix(": ")


# Whatever FastAPI has written.
def _told_in_detail(detail: Any) -> str | None:
    match detail:
        case str():
            return detail
        case [{"msg": str(wrong), **rest}, *_]:
            place = rest.get("loc")
            return f"{'.'.join(map(str, place))}: {wrong}" if isinstance(place, list) else wrong
        case _:
            return None
