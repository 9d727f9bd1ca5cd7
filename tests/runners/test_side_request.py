from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arriero.errors import InvalidRequest
from arriero.runners.side_request import side_request
from arriero.types.chat import (
    ChatPrompt,
    InfillPrompt,
    JsonFormat,
    Message,
    NamedTool,
    TextPrompt,
    TextRequest,
    ToolCall,
)
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord
from arriero.types.routing import NO_WISH, Wish
from arriero.types.sampling import SamplingParams
from tests.runners.routers import chat, chat_model

TOOL = {"type": "function", "function": {"name": "look"}}
ANY = Demand()
ELSEWHERE = chat_model("far", weights=None, carrier="upstream")


def prompt(request: TextRequest, record: ModelRecord) -> ChatPrompt:
    made, _ = side_request(request, ANY, record)
    assert isinstance(made.prompt, ChatPrompt)
    return made.prompt


def test_a_model_brings_its_own_system_text_and_messages() -> None:
    taught = chat_model("m", system="Be kind.", messages=(Message("user", "a"), Message("assistant", "b")))

    assert [turn.content for turn in prompt(chat("hi"), taught).messages] == ["Be kind.", "a", "b", "hi"]
    own = TextRequest(ChatPrompt((Message("system", "Be brief."), Message("user", "hi"))))
    assert [turn.content for turn in prompt(own, chat_model("m", system="Be kind.")).messages] == ["Be brief.", "hi"]


def test_all_of_a_conversation_is_handed_on() -> None:
    turns = (
        Message("user", "what is it?", images=("AAAA",)),
        Message("assistant", "", thinking="hm", tool_calls=(ToolCall("look", {"a": 1}, "1"),)),
        Message("tool", "a cat", tool_name="look", tool_call_id="1"),
    )
    asked = ChatPrompt(turns, think="low", tools=(TOOL,), tool_choice=NamedTool("look"), is_one_call=True)
    able = chat_model("m", capabilities=("completion", "tools", "vision", "thinking"))

    assert prompt(TextRequest(asked), able) == asked


# Fields of TextRequest.
@pytest.mark.parametrize(
    "changes",
    [
        {"json_format": JsonFormat({"type": "object"})},
        {"top_logprobs": 3},
        {"num_ctx": 100},
        {"is_truncating": False},
        {"is_shifting": True},
        {"wants_stop_text": True},
    ],
)
def test_what_a_request_asks_for_is_handed_on(changes: dict[str, Any]) -> None:
    made, _ = side_request(chat("hi", **changes), ANY, ELSEWHERE)

    assert made == chat("hi", **changes)


@pytest.mark.parametrize(
    ("own", "asked", "temperature", "stop"),
    [
        ({}, SamplingParams(), 0.8, ()),
        ({"temperature": 0.2, "stop": ["A"]}, SamplingParams(), 0.2, ("A",)),
        ({"temperature": 0.2, "stop": ["A"]}, SamplingParams(temperature=0.0, stop=("B",)), 0.0, ("B",)),
    ],
)
def test_a_request_goes_before_the_models_own_settings_and_they_before_the_usual_ones(
    own: dict[str, Any], asked: SamplingParams, temperature: float, stop: tuple[str, ...]
) -> None:
    made, _ = side_request(chat("hi", sampling=asked), ANY, chat_model("m", parameters=own))

    assert (made.sampling.temperature, made.sampling.stop) == (temperature, stop)


def test_a_model_elsewhere_has_its_own_usual_settings() -> None:
    made, _ = side_request(chat("hi"), ANY, ELSEWHERE)

    assert made.sampling == SamplingParams()


def test_how_a_model_is_to_be_loaded_is_said_by_the_request_or_by_itself() -> None:
    model = chat_model("m", parameters={"num_ctx": 512, "num_gpu": 3})
    made, demand = side_request(chat("hi"), Demand(60.0, LoadOptions(gpu_layers=0), Wish("local")), model)

    assert demand == Demand(60.0, LoadOptions(context=512, gpu_layers=0), NO_WISH)
    assert made.num_ctx == 512


@pytest.mark.parametrize(("asked", "told"), [(None, True), (False, False), ("high", "high"), (True, True)])
def test_a_model_that_can_think_does_unless_it_is_told_otherwise(asked: Any, told: Any) -> None:
    able = chat_model("m", capabilities=("completion", "thinking"))
    asked_for = TextRequest(ChatPrompt((Message("user", "hi"),), think=asked))

    assert prompt(asked_for, able).think == told


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (ChatPrompt((Message("user", "hi"),), think=True), "thinking"),
        (ChatPrompt((Message("user", "hi"),), tools=(TOOL,)), "tools"),
        (ChatPrompt((Message("user", "hi", images=("AAAA",)),)), "image"),
        (ChatPrompt((Message("user", "hi"),), context=(1, 2)), "context of tokens"),
        (TextPrompt("hi", (1, 2)), "context of tokens"),
    ],
)
def test_what_a_model_cannot_do_is_a_wrong_request(asked: ChatPrompt | TextPrompt, words: str) -> None:
    unable = chat_model("m", capabilities=("completion",))

    with pytest.raises(InvalidRequest, match=words):
        side_request(TextRequest(asked), ANY, unable)


def test_a_model_that_cannot_think_need_not_be_told_not_to() -> None:
    asked = TextRequest(ChatPrompt((Message("user", "hi"),), think=False))

    assert prompt(asked, chat_model("m")).think is None


@pytest.mark.parametrize("asked", [TextPrompt("once"), InfillPrompt("a", "b")])
def test_what_is_no_chat_is_handed_on_as_it_is(asked: TextPrompt | InfillPrompt) -> None:
    made, _ = side_request(TextRequest(asked, wants_context=True), ANY, chat_model("m", system="x"))

    assert made.prompt == asked
    assert not made.wants_context


def test_nothing_of_the_record_is_changed() -> None:
    model = chat_model("m", parameters={"temperature": 0.2})
    side_request(chat("hi", sampling=SamplingParams(temperature=0.9)), ANY, model)

    assert model == replace(model, weights=Path("/nowhere/tiny.gguf"))
    assert model.parameters == {"temperature": 0.2}
