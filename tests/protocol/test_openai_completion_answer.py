import json

# A chunk is JSON.
from typing import Any

from arriero.protocol.openai_answer import AnswerHead
from arriero.protocol.openai_completion_answer import CompletionAnswer
from arriero.protocol.sse import SseParser
from arriero.types.events import Event, Finished, TextDelta, ThinkingDelta, TokenLogprob, TopLogprob
from arriero.types.times import Times
from arriero.types.usage import Usage

TIMES = Times(1, 2, 3, 4)
HEAD = AnswerHead("cmpl-7", 1_755_820_000, "m")
DONE = Finished("stop", Usage(prompt_tokens=5, completion_tokens=2))
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def token(text: str) -> TextDelta:
    return TextDelta(text, (TokenLogprob(text, -0.5, (TopLogprob(text, -0.5), TopLogprob("x", -1.5))),))


def chunks(encoder: CompletionAnswer, *events: Event) -> list[Any]:
    written = b"".join(encoder.chunk([event], "") for event in events) + encoder.last(DONE, "", TIMES)
    payloads = SseParser().feed(written)
    assert payloads.pop() == b"[DONE]"
    return [json.loads(payload) for payload in payloads]


def test_a_stream_is_text_and_then_the_reason() -> None:
    found = chunks(CompletionAnswer(HEAD), ThinkingDelta("Hm."), TextDelta("He"), TextDelta("llo"))
    assert [chunk["choices"] for chunk in found] == [
        [{"text": "He", "index": 0, "finish_reason": None}],
        [{"text": "llo", "index": 0, "finish_reason": None}],
        [{"text": "", "index": 0, "finish_reason": "stop"}],
    ]
    assert not any("usage" in chunk for chunk in found)


def test_usage_is_zero_until_it_is_over() -> None:
    found = chunks(CompletionAnswer(HEAD, include_usage=True), TextDelta("x"))
    assert [chunk["usage"] for chunk in found] == [ZEROS, ZEROS, USAGE]
    assert found[-1]["choices"] == []


def test_a_whole_answer_is_one_object() -> None:
    found = json.loads(CompletionAnswer(HEAD).whole([ThinkingDelta("Hm."), TextDelta("Hi")], DONE, "", TIMES))
    assert found == {
        "id": "cmpl-7",
        "object": "text_completion",
        "created": 1_755_820_000,
        "model": "m",
        "system_fingerprint": "fp_ollama",
        "choices": [{"text": "Hi", "index": 0, "finish_reason": "stop"}],
        "usage": USAGE,
    }


def test_an_echo_comes_first() -> None:
    found = chunks(CompletionAnswer(HEAD, echoes=["Once "]), TextDelta("up"), TextDelta("on"))
    assert [chunk["choices"][0]["text"] for chunk in found] == ["Once ", "up", "on", ""]
    whole = json.loads(CompletionAnswer(HEAD, echoes=["Once "]).whole([TextDelta("upon")], DONE, "", TIMES))
    assert whole["choices"][0]["text"] == "Once upon"


def test_each_prompt_has_its_own_echo_and_counts_once() -> None:
    encoder = CompletionAnswer(HEAD, echoes=["a", "b"], per_prompt=2)
    found = json.loads(encoder.together([([TextDelta(text)], DONE) for text in "1234"]))
    assert [choice["text"] for choice in found["choices"]] == ["a1", "a2", "b3", "b4"]
    assert found["usage"] == {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18}


def test_log_probabilities_are_lists_with_places_in_the_text() -> None:
    expected = {
        "tokens": ["up", "on"],
        "token_logprobs": [-0.5, -0.5],
        "top_logprobs": [{"up": -0.5, "x": -1.5}, {"on": -0.5, "x": -1.5}],
        "text_offset": [0, 2],
    }
    encoder = CompletionAnswer(HEAD)
    whole = json.loads(encoder.whole([token("up"), token("on")], DONE, "", TIMES))
    assert whole["choices"][0]["logprobs"] == expected
    streamed = [chunk["choices"][0] for chunk in chunks(encoder, token("up"), token("on"))]
    assert [choice["logprobs"]["text_offset"] for choice in streamed if "logprobs" in choice] == [[0], [2]]


def test_without_alternatives_there_are_none() -> None:
    alone = TextDelta("up", (TokenLogprob("up", -0.5),))
    whole = json.loads(CompletionAnswer(HEAD).whole([alone], DONE, "", TIMES))
    assert whole["choices"][0]["logprobs"]["top_logprobs"] is None


def test_an_empty_prompt_is_answered_by_the_loaded_model() -> None:
    found = json.loads(CompletionAnswer(HEAD).loaded(is_stream=False))
    assert (found["choices"], found["usage"]) == ([{"text": "", "index": 0, "finish_reason": "load"}], ZEROS)
    event, done = SseParser().feed(CompletionAnswer(HEAD).loaded(is_stream=True))
    assert json.loads(event)["choices"] == [{"text": "", "index": 0, "finish_reason": "load"}]
    assert done == b"[DONE]"


def test_a_failure_is_an_event_with_the_error() -> None:
    [event] = SseParser().feed(CompletionAnswer(HEAD).failure("out of memory"))
    assert json.loads(event)["error"]["message"] == "out of memory"
