"""What comes out: the text, all of it, and why it ended."""

import json
from typing import Any

from arriero.engines.answers.reader import AnswerReader
from arriero.errors import EngineFailed
from arriero.types.chat import ChatPrompt, Message, TextPrompt
from arriero.types.events import Finished, TextDelta
from arriero.types.usage import Usage
from tests.contract.claim import BOTH, CHAT, GENERATE, TUNED, Bench, Claim, said

USAGE = Usage(prompt_tokens=3, completion_tokens=2)
FOX = ("The quick", " brown", " fox")


async def text_beside_the_end_is_kept(bench: Bench) -> None:
    for pieces in (((FOX[0],), (*FOX[1:], Finished("length", USAGE))), ((*FOX, Finished("stop", USAGE)),)):
        bench.says(*pieces)
        for path in BOTH:
            assert "".join(map(said, await bench.stream(path))) == "".join(FOX)
            assert said((await bench.ask(path)).json) == "".join(FOX)
    last = {"choices": [{"index": 0, "delta": {"content": " fox"}, "finish_reason": "length"}]}
    events = AnswerReader().feed(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())
    assert [type(event) for event in events] == [TextDelta, Finished]


async def pieces_are_sent_as_they_are(bench: Bench) -> None:
    pieces = ["The", " quick brown", " f", "ox", "", " jumps over"]
    bench.says(*([piece] for piece in pieces))
    for path in BOTH:
        assert [said(line) for line in await bench.stream(path)][:-1] == pieces


async def the_reason_is_the_real_one(bench: Bench) -> None:
    for path in BOTH:
        reasons: list[Any] = [
            (await bench.ask(path)).json["done_reason"],
            (await bench.ask(path, options={"num_predict": 3})).json["done_reason"],
            (await bench.stream(path, options={"num_predict": 3}))[-1]["done_reason"],
        ]
        assert reasons == ["stop", "length", "length"]
        for keep_alive, reason in ((60, "load"), (0, "unload")):
            empty = await bench.post(path, {"model": "gen", "keep_alive": keep_alive})
            assert empty.json["done_reason"] == reason
        await bench.ask(path)
        assert bench.heard().sampling.max_tokens is None


async def a_failure_in_the_middle_is_told(bench: Bench) -> None:
    bench.says(("The",), (" quick",), error=EngineFailed("out of memory"), fail_after=1)
    for path in BOTH:
        *lines, last = await bench.stream(path)
        assert [said(line) for line in lines] == ["The"]
        assert not any(line["done"] for line in lines)
        assert last == {"error": "out of memory"}
        whole = await bench.ask(path)
        assert (whole.status, whole.json) == (500, {"error": "out of memory"})


async def generate_has_a_turn(bench: Bench) -> None:
    await bench.ask(GENERATE, "Why?", system="You are X")
    assert bench.heard().prompt == ChatPrompt((Message("system", "You are X"), Message("user", "Why?")))
    await bench.ask(GENERATE, "Why?", raw=True)
    assert bench.heard().prompt == TextPrompt("Why?")


async def both_apis_give_the_engine_the_same(bench: Bench) -> None:
    await bench.ask(CHAT, "Why?", model="sys")
    native = bench.turns("sys")
    body = {"model": "sys", "messages": [{"role": "user", "content": "Why?"}]}
    assert (await bench.post("/v1/chat/completions", body)).status == 200
    assert native == bench.turns("sys")
    assert [message.role for message in native.messages] == ["system", "user"]


async def the_models_own_options_count(bench: Bench) -> None:
    body = {"model": "tuned", "messages": [{"role": "user", "content": "hi"}]}
    for path in (*BOTH, "/v1/chat/completions"):
        reply = await bench.ask(path, model="tuned") if path in BOTH else await bench.post(path, body)
        assert reply.status == 200
        sampling = bench.heard("tuned").sampling
        assert (sampling.top_k, sampling.stop) == (TUNED["top_k"], ("END",)), path
        # OpenAI's API has a default of its own for this one.
        assert sampling.temperature == (TUNED["temperature"] if path in BOTH else 1.0)


async def the_model_is_the_one_that_was_asked_for(bench: Bench) -> None:
    for name in ("gen", "GEN", "gen:latest", "registry.ollama.ai/library/gen"):
        for path in BOTH:
            assert {line["model"] for line in await bench.stream(path, model=name)} == {name}
    for path, body in (*((path, {}) for path in BOTH), ("/api/embed", {"input": "x"}), ("/api/show", {})):
        reply = await bench.ask(path, **{"model": "does-not-exist:latest", **body})
        assert reply.status == 404, path
        assert "not found" in reply.json["error"]


OUTPUT = (
    Claim(1, "text in the engine's last chunk is sent", text_beside_the_end_is_kept),
    Claim(2, "pieces of the engine are sent as they are", pieces_are_sent_as_they_are),
    Claim(3, "done_reason tells why an answer ended", the_reason_is_the_real_one),
    Claim(4, "an engine that fails in the middle is told as an error", a_failure_in_the_middle_is_told),
    Claim(5, "generate goes through the chat template unless it is raw", generate_has_a_turn),
    Claim(6, "the server renders no template that another API would not", both_apis_give_the_engine_the_same),
    Claim(7, "the model's own options count on both APIs", the_models_own_options_count),
    Claim(8, "an answer names the model asked for and an unknown one is 404", the_model_is_the_one_that_was_asked_for),
)
