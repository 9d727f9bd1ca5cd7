"""Generating text: ``/api/generate`` and ``/api/chat``."""

import asyncio
from typing import Any

from tests.contract.case import JSON_TYPE, NDJSON_TYPE, Case, Expected
from tests.contract.cases_general import USER, chat, error, generate
from tests.contract.matching import REST, Either, Holds
from tests.contract.models import SYSTEM, TEXT
from tests.serving import Running, until

COUNTS = {
    "total_duration": "<ns>",
    "load_duration": "<ns>",
    "prompt_eval_count": "<int>",
    "prompt_eval_duration": "<ns>",
    "eval_count": "<int>",
    "eval_duration": "<ns>",
}
NO_INSERT = "registry.ollama.ai/library/gen:latest does not support insert"
NO_TOOLS = "registry.ollama.ai/library/gen:latest does not support tools"
BAD_THINK = 'invalid think value: "ultra" (must be "high", "medium", "low", "max", true, or false)'
BAD_FORMAT = 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'
RAW_ALONE = "raw mode does not support template, system, or context"
BAD_IMAGE = "illegal base64 data at input byte 0"
TOOLS = [
    {
        "type": "function",
        "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
    }
]


# Bodies are JSON.
def of_gen(**body: Any) -> dict[str, Any]:
    return {"model": "gen", "prompt": "x", **body}


def chat_of(model: str, **body: Any) -> dict[str, Any]:
    return {"model": model, "messages": USER, **body}


def generated_line(**values: Any) -> dict[str, Any]:
    return {"model": "gen", "created_at": "<ts>", "response": "*", "done": False, **values}


def last_line(response: str = "*", **values: Any) -> dict[str, Any]:
    return generated_line(response=response, done=True, done_reason="stop", **COUNTS, **values)


def chat_line(model: str = "gen", **turn: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "*", **turn}
    return {"model": model, "created_at": "<ts>", "message": message, "done": False}


def last_chat_line(model: str = "gen", **turn: Any) -> dict[str, Any]:
    return {**chat_line(model, **turn), "done": True, "done_reason": "stop", **COUNTS}


def rendered(model: str, prompt: str) -> Expected:
    body = {"model": model, "created_at": "<ts>", "done": False, "_debug_info": {"rendered_template": prompt}}
    return Expected(200, JSON_TYPE, {**body, "response?": "", "message?": {"role": "assistant", "content": ""}})


async def client_hangs_up(server: Running) -> None:
    engine = server.loader.engines["gen:latest"]
    turn = {"role": "user", "content": "hang"}
    async with server.client.post("/api/chat", json={"model": "gen", "messages": [turn]}) as response:
        await response.content.readline()
        response.close()
        await until(engine, lambda: engine.cancelled == 1)
    assert engine.running == 0


async def next_request_works(server: Running) -> None:
    async with asyncio.timeout(1), server.client.post("/api/chat", json=chat_of("gen")) as response:
        assert (await response.read()).endswith(b"}\n")


TOKENS = Holds("a list of tokens", lambda value: bool(value) and all(type(token) is int for token in value))
WHOLE = Expected(200, JSON_TYPE, last_line(TEXT, context=TOKENS))
RAW = Expected(200, JSON_TYPE, last_line(TEXT))
STREAM = Expected(200, NDJSON_TYPE, [generated_line(), REST, last_line(context=TOKENS)], "lines")
CHAT_STREAM = Expected(200, NDJSON_TYPE, [chat_line(), REST, last_chat_line()], "lines")
CHAT_WHOLE = Expected(200, JSON_TYPE, last_chat_line(content=TEXT))
MAYBE_THINKING = {"thinking?": "*"}

GENERATE = [
    Case(33, "stream", (generate(of_gen(prompt="hi"), STREAM),)),
    Case(34, "whole", (generate(of_gen(prompt="hi", stream=False), WHOLE),)),
    Case(35, "raw", (generate(of_gen(prompt="hi", raw=True, stream=False), RAW),)),
    Case(36, "raw with system", (generate(of_gen(raw=True, system="s"), error(400, RAW_ALONE)),)),
    Case(36, "raw with context", (generate(of_gen(raw=True, context=[1]), error(400, RAW_ALONE)),)),
    Case(37, "no insert", (generate(of_gen(prompt="def ", suffix="    return c"), error(400, NO_INSERT)),)),
    Case(38, "no thinking", (generate(of_gen(think=True), error(400, '"gen" does not support thinking')),)),
    Case(39, "unknown think level", (generate(of_gen(think="ultra"), error(400, BAD_THINK)),)),
    Case(
        40,
        "embedding model",
        (generate({"model": "emb", "prompt": "x"}, error(400, '"emb" does not support generate')),),
    ),
    Case(
        41,
        "too many logprobs",
        (generate(of_gen(top_logprobs=21), error(400, "top_logprobs must be between 0 and 20")),),
    ),
    # 42 to 44: Ollama answers 500. The request is at fault, so here it is 400, with the same text.
    Case(42, "unknown format", (generate(of_gen(format="xml"), error(400, BAD_FORMAT)),)),
    Case(
        43,
        "option of the wrong type",
        (generate(of_gen(options={"temperature": "hot"}), error(400, 'option "temperature" must be of type float32')),),
    ),
    Case(
        44,
        "stop that is no array",
        (generate(of_gen(options={"stop": "a"}), error(400, 'option "stop" must be of type array')),),
    ),
    Case(45, "unknown options", (generate(of_gen(options={"foo": 1, "mirostat": 2}, stream=False), WHOLE),)),
    Case(48, "image that is not base64", (generate(of_gen(images=["!!"]), error(400, BAD_IMAGE)),)),
    Case(49, "rendered prompt", (generate(of_gen(prompt="hi", _debug_render_only=True), rendered("gen", "*hi*")),)),
    Case(
        51,
        "system of the request",
        (
            generate(
                {"model": "sys", "prompt": "x", "system": "other", "_debug_render_only": True},
                rendered("sys", "<system>other\n<user>x\n"),
            ),
        ),
    ),
]

CHAT = [
    Case(52, "stream", (chat(chat_of("gen"), CHAT_STREAM),)),
    Case(53, "whole", (chat(chat_of("gen", stream=False), CHAT_WHOLE),)),
    Case(54, "embedding model", (chat({"model": "emb", "messages": []}, error(400, '"emb" does not support chat')),)),
    Case(55, "no tools", (chat(chat_of("gen", tools=TOOLS), error(400, NO_TOOLS)),)),
    Case(56, "empty list of tools", (chat(chat_of("gen", tools=[]), CHAT_STREAM),)),
    Case(
        60,
        "thinking",
        (
            chat(
                chat_of("think", think=True, stream=False),
                Expected(200, JSON_TYPE, last_chat_line("think", thinking="Let me think.", content=TEXT)),
            ),
        ),
    ),
    Case(
        61,
        "thinking switched off",
        (
            chat(
                chat_of("think", think=False),
                Expected(200, NDJSON_TYPE, [chat_line("think"), REST, last_chat_line("think")], "lines"),
            ),
        ),
    ),
    Case(
        62,
        "thinks unless told otherwise",
        (
            chat(
                chat_of("think"),
                Expected(
                    200,
                    NDJSON_TYPE,
                    [
                        chat_line("think", content="", thinking="Let me "),
                        Either((chat_line("think"), chat_line("think", content="", thinking="*"))),
                        REST,
                        last_chat_line("think"),
                    ],
                    "lines",
                ),
            ),
        ),
    ),
    Case(63, "not thinking where none is possible", (chat(chat_of("gen", think=False), CHAT_STREAM),)),
    Case(
        64,
        "system of the request comes first",
        (
            chat(
                {"model": "sys", "messages": [{"role": "system", "content": "S"}, *USER], "_debug_render_only": True},
                rendered("sys", "<system>S\n<user>hi\n"),
            ),
            chat(
                {"model": "sys", "messages": [*USER, {"role": "system", "content": "S"}], "_debug_render_only": True},
                rendered("sys", f"<system>{SYSTEM}\n<user>hi\n<system>S\n"),
            ),
        ),
    ),
    Case(
        67,
        "engine refuses",
        (
            chat(
                {"model": "gen", "messages": [{"role": "user", "content": "fail at once"}]},
                Expected(429, "application/json", {"error": "rate limited"}),
            ),
        ),
    ),
    Case(
        68,
        "engine fails in the middle",
        (
            chat(
                {"model": "gen", "messages": [{"role": "user", "content": "fail in the middle"}]},
                Expected(200, NDJSON_TYPE, [chat_line(), REST, {"error": "out of memory"}], "lines"),
            ),
        ),
    ),
    Case(70, "client hangs up", (client_hangs_up, next_request_works)),
]
