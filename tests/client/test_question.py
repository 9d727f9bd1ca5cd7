import base64
from datetime import UTC, datetime
from pathlib import Path

# Messages are JSON, and objects of the client library's.
from typing import Any

import ollama
import pytest

from arriero.client.question import Question
from arriero.errors import InvalidRequest
from arriero.router.offer import record_of_router
from arriero.router.settings import RouterSettings
from arriero.router.subject import subject_of
from arriero.types.chat import ChatPrompt, JsonFormat, Message, TextRequest
from arriero.types.loading import Demand

ROUTER = record_of_router(RouterSettings("a", "b"), None, None, datetime.now(UTC))
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()


def read(prompt: str = "", messages: Any = None, **settings: Any) -> tuple[TextRequest, Demand]:
    return Question(prompt, messages, **settings).read(ROUTER)


def turns(prompt: str = "", messages: Any = None, **settings: Any) -> tuple[Message, ...]:
    asked = read(prompt, messages, **settings)[0].prompt
    assert isinstance(asked, ChatPrompt)
    return asked.messages


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


@pytest.mark.parametrize("messages", [None, []])
def test_without_messages_the_prompt_is_the_conversation(messages: Any) -> None:
    assert turns("Hello!", messages) == (Message("user", "Hello!"),)
    assert turns("", messages) == (Message("user", ""),)


def test_messages_are_taken_in_place_of_the_prompt_as_mappings_and_as_objects() -> None:
    asked = [{"role": "system", "content": "Be brief."}, ollama.Message(role="user", content="Hi")]
    assert turns("not this", asked) == (Message("system", "Be brief."), Message("user", "Hi"))


@pytest.mark.parametrize("message", [user(None), {"role": "user"}, ollama.Message(role="user")])
def test_a_message_may_have_no_content(message: Any) -> None:
    assert turns("", [message]) == (Message("user", ""),)


def test_the_parts_of_a_list_are_read_and_judged_as_their_text() -> None:
    parts = [
        {"type": "text", "text": "What is"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "text", "text": "this?"},
    ]
    request, _ = read("", [user(parts)])
    subject = subject_of(request)
    assert subject.text == "What is\nthis?"
    assert subject.has_images


def test_images_are_text_bytes_files_and_the_librarys_own(tmp_path: Path) -> None:
    file = tmp_path / "mule.png"
    file.write_bytes(base64.b64decode(PNG))
    images = [PNG, base64.b64decode(PNG), file, str(file), ollama.Image(value=PNG), f"data:image/png;base64,{PNG}"]
    assert turns("", [user("Look!", images=images)])[0].images == (PNG,) * 6
    assert turns("", [ollama.Message(role="user", images=[ollama.Image(value=file)])])[0].images == (PNG,)
    assert turns("Look!", images=[file])[0].images == (PNG,)
    talk = [
        user("Look!"),
        {"role": "assistant", "content": "At what?"},
        user("This."),
        {"role": "tool", "content": "1"},
    ]
    assert [len(turn.images) for turn in turns("", talk, images=[PNG])] == [0, 0, 1, 0]


def test_calls_and_their_results_are_read_in_both_dialects() -> None:
    called = ollama.Message(
        role="assistant",
        thinking="hm",
        tool_calls=[{"function": {"name": "f", "arguments": {"a": 1}}}],  # type: ignore[list-item]  # pydantic reads it
    )
    as_text = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    for message in (called, as_text):
        [turn] = turns("", [message])
        assert [(call.name, call.arguments) for call in turn.tool_calls] == [("f", {"a": 1})]
    assert turns("", [called])[0].thinking == "hm"
    result = {"role": "tool", "content": "2", "tool_name": "f"}
    assert turns("", [called, result])[1].tool_name == "f"
    answer = {"role": "tool", "content": "2", "tool_call_id": "c"}
    assert turns("", [as_text, answer])[1] == Message("tool", "2", tool_name="f", tool_call_id="c")


def test_tools_are_functions_definitions_and_the_librarys_own() -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers.

        Args:
            a: the first
            b: the second
        """
        return a + b

    nested = {"type": "object", "properties": {"at": {"type": "object", "properties": {"x": {"type": "number"}}}}}
    definition = {"function": {"name": "move", "parameters": nested, "strict": True}}
    own = ollama.Tool.model_validate({"type": "function", "function": {"name": "own"}})
    prompt = read("Hi", tools=[add, definition, own])[0].prompt
    assert isinstance(prompt, ChatPrompt)
    assert [tool["function"]["name"] for tool in prompt.tools] == ["add", "move", "own"]
    assert all(tool["type"] == "function" for tool in prompt.tools)
    # The library's own type would drop what it does not know.
    assert prompt.tools[1]["function"] == definition["function"]


def test_settings_are_read_as_the_server_reads_them() -> None:
    schema = {"type": "object"}
    options = ollama.Options(temperature=0.5, num_ctx=2048, stop=["x"])
    request, demand = read("Hi", format=schema, options=options, keep_alive="5m", think=True, top_logprobs=3)
    assert request.json_format == JsonFormat(schema)
    assert (request.sampling.temperature, request.sampling.stop, request.num_ctx) == (0.5, ("x",), 2048)
    assert (request.top_logprobs, demand.keep_alive_s) == (3, 300)
    assert isinstance(request.prompt, ChatPrompt)
    assert request.prompt.think is True
    assert read("Hi", format="json", logprobs=True)[0].top_logprobs == 0
    assert read("Hi", keep_alive=-1)[1].keep_alive_s == float("inf")


@pytest.mark.parametrize(
    ("prompt", "settings", "words"),
    [
        ("", {"messages": ["Hi"]}, "a message is a mapping"),
        ("", {"messages": [{"content": "Hi"}]}, r"messages\[0\] has no role"),
        ("", {"messages": [user(5)]}, "invalid message content type"),
        ("", {"messages": [user([{"type": "video"}])]}, "'video' are not supported"),
        ("Hi", {"images": ["there-is-none.png"]}, "an image cannot be read: File there-is-none.png does not exist"),
        ("Hi", {"images": [b"no image"]}, "image 1 is neither PNG"),
        ("", {"messages": [{"role": "system", "content": "Hi"}], "images": [PNG]}, "there is none"),
        ("Hi", {"tools": [5]}, "a tool is a function or its definition"),
        ("Hi", {"tools": [{"function": {}}]}, r"tools\[0\] has no function with a name"),
        ("Hi", {"options": {"temperature": "hot"}}, "temperature"),
        ("Hi", {"options": {"route": "away"}}, "one of local, remote"),
        ("Hi", {"options": {"route": ["local"]}}, "one of local, remote"),
        ("Hi", {"keep_alive": "soon"}, "invalid duration"),
        ("Hi", {"think": "hard"}, "invalid think value"),
        ("Hi", {"top_logprobs": 21}, "between 0 and 20"),
    ],
)
def test_what_cannot_be_understood_is_refused(prompt: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read(prompt, **settings)
