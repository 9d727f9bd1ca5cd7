import pytest

from arriero.router.subject import Subject, subject_of
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, TextPrompt, TextRequest, ToolCall
from arriero.types.sampling import SamplingParams
from tests.router.factories_routing import subject, turns

TOOL = {"type": "function", "function": {"name": "look"}}


def test_what_is_asked_is_the_last_turn_of_the_user() -> None:
    assert subject("one", "answer", "two").text == "two"
    assert Subject((*turns("one", "calls"), Message("tool", "found"))).text == "one"
    assert Subject((Message("system", "be kind"),)).text == ""
    assert Subject(()).text == ""


def test_what_was_asked_before_comes_with_the_latest_first() -> None:
    assert subject("one", "a", "two", "b", "three").earlier == ("two", "one")
    assert subject("one").earlier == ()


def test_a_request_of_each_kind() -> None:
    chat = subject_of(TextRequest(ChatPrompt(turns("hi", "hello", "you?"))))
    text = subject_of(TextRequest(TextPrompt("once upon a time")))
    gap = subject_of(TextRequest(InfillPrompt("def f(", "return 1")))

    assert (chat.text, chat.is_gap) == ("you?", False)
    assert (text.text, text.is_gap) == ("once upon a time", False)
    assert gap.is_gap
    assert "def f(" in gap.text
    assert "return 1" in gap.text


def test_what_a_request_needs() -> None:
    seen = Message("user", "what is it?", images=("AAAA",))
    found = subject_of(TextRequest(ChatPrompt((seen,), think="low", tools=(TOOL,)), json_format=JsonFormat()))
    plain = subject_of(TextRequest(ChatPrompt(turns("hi"), think=False)))

    assert (found.has_images, found.has_tools, found.wants_thinking, found.has_schema) == (True, True, True, True)
    assert (plain.has_images, plain.has_tools, plain.wants_thinking, plain.has_schema) == (False, False, False, False)


def test_an_image_of_an_earlier_turn_must_still_be_seen() -> None:
    earlier = (
        Message("user", "what is it?", images=("AAAA",)),
        Message("assistant", "a cat"),
        Message("user", "sure?"),
    )

    assert subject_of(TextRequest(ChatPrompt(earlier))).has_images


@pytest.mark.parametrize(
    ("prompt", "least", "most"),
    [
        (ChatPrompt(()), 0, 0),
        (ChatPrompt((Message("user", ""),)), 1, 10),
        (ChatPrompt((Message("user", "word " * 1000),)), 1000, 2000),
        (ChatPrompt((Message("user", "語" * 1000),)), 500, 1500),
        (ChatPrompt((Message("user", "x", images=("A" * 10**6,)),)), 500, 2000),
        (ChatPrompt((Message("user", "x"),), tools=(TOOL,) * 100), 500, 5000),
        (TextPrompt("word " * 1000), 1000, 2000),
    ],
)
def test_tokens_are_estimated(prompt: ChatPrompt | TextPrompt, least: int, most: int) -> None:
    assert least <= subject_of(TextRequest(prompt)).prompt_tokens <= most


def test_the_answer_that_is_wanted_is_what_the_request_says() -> None:
    assert subject_of(TextRequest(TextPrompt("x"))).wanted_tokens is None
    assert subject_of(TextRequest(TextPrompt("x"), SamplingParams(max_tokens=7))).wanted_tokens == 7


def test_a_tool_has_answered_only_where_its_turn_is_the_last() -> None:
    call = Message("assistant", "", tool_calls=(ToolCall("look", {}),))
    loop = (Message("user", "look"), call, Message("tool", "found"))

    assert Subject(loop).is_in_tool_loop
    assert not Subject((*loop, Message("user", "thanks"))).is_in_tool_loop
    assert not Subject(()).is_in_tool_loop


def test_all_that_would_be_told_has_every_text_once_as_it_stands() -> None:
    call = Message("assistant", "", thinking="hm", tool_calls=(ToolCall("look", {"note": 'a\n"b"'}),))
    asked = subject_of(TextRequest(ChatPrompt((Message("user", "look"), call), tools=(TOOL,))))

    assert asked.whole_text.split("\n")[:2] == ["look", ""]
    assert 'a\n"b"' in asked.whole_text


def test_thinking_that_may_be_left_out_is_no_reason_to_go_anywhere() -> None:
    prompt = ChatPrompt((Message("user", "hi"),), think=True)

    assert subject_of(TextRequest(prompt)).wants_thinking
    assert not subject_of(TextRequest(prompt, may_skip_thinking=True)).wants_thinking
