import pytest
from msgspec.structs import replace

from arriero.engines.openai.passable import is_passable
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, Passing, TextPrompt, TextRequest
from arriero.types.sampling import SamplingParams

HELLO = ChatPrompt((Message("user", "Hello"),))
CHAT = TextRequest(HELLO, passing=Passing("chat", "tiny"))
TEXT = TextRequest(TextPrompt("Hello"), passing=Passing("completions", "tiny"))


def may_pass(request: TextRequest, model: str = "tiny") -> bool:
    return is_passable(request, model, most_stops=4)


@pytest.mark.parametrize("request_", [CHAT, TEXT, replace(CHAT, num_ctx=512), replace(TEXT, is_truncating=False)])
def test_a_plain_stream_may_be_passed_on(request_: TextRequest) -> None:
    assert may_pass(request_)


@pytest.mark.parametrize(
    "request_",
    [
        replace(CHAT, passing=None),
        replace(CHAT, prompt=replace(HELLO, think=False)),
        replace(CHAT, prompt=replace(HELLO, think="high")),
        replace(CHAT, prompt=replace(HELLO, tools=({"type": "function"},))),
        replace(CHAT, prompt=replace(HELLO, context=(1, 2))),
        replace(CHAT, prompt=TextPrompt("Hello")),
        replace(CHAT, json_format=JsonFormat()),
        replace(CHAT, top_logprobs=0),
        replace(CHAT, wants_context=True),
        replace(CHAT, wants_stop_text=True),
        replace(CHAT, sampling=SamplingParams(stop=("a", "b", "c", "d", "e"))),
        replace(TEXT, prompt=HELLO),
        replace(TEXT, prompt=TextPrompt("Hello", thinks=True)),
        replace(TEXT, prompt=TextPrompt("Hello", context=(1,))),
        replace(TEXT, prompt=InfillPrompt("a", "b")),
    ],
)
def test_what_must_be_read_or_told_otherwise_is_not_passed_on(request_: TextRequest) -> None:
    assert not may_pass(request_)


def test_a_model_must_bear_the_name_that_it_is_asked_by() -> None:
    assert not may_pass(CHAT, model="/models/tiny")
