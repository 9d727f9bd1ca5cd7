"""Anthropic's Messages API, with Anthropic's own client."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anthropic
import pydantic
import pytest

from arriero.engines.fake import FakeEngine, Script
from arriero.server.app import Access
from arriero.store.layout import Store
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextRequest, ToolCall
from arriero.types.events import ThinkingDelta, ToolCallDelta
from arriero.types.usage import Usage
from tests.contract.models import THINKING_TEMPLATE, TOOL_TEMPLATE, add_layer
from tests.factories_store import stored, tiny_gguf
from tests.serving import FakeLoader, running_server

KEY = "secret"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(16)).decode()
TURN: list[anthropic.types.MessageParam] = [{"role": "user", "content": "hi"}]
WEATHER: anthropic.types.ToolParam = {
    "name": "get_weather",
    "description": "The weather of a place",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}},
}
CALL = ToolCallDelta(0, ToolCall("get_weather", {"location": "Boston"}, "call_1"))
THOUGHTS = (ThinkingDelta("Let me "), ThinkingDelta("see."))


class Age(pydantic.BaseModel):
    """What an answer shall be."""

    age: int


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("anthropic")
    store = Store(root / "models")
    stored(store, "gen")
    stored(store, "able", {"tokenizer.chat_template": TOOL_TEMPLATE + THINKING_TEMPLATE})
    projector = tiny_gguf(root / "p", {"clip.has_vision_encoder": True}, architecture="clip")
    add_layer(store, stored(store, "vis"), "projector", projector.read_bytes())
    return root


@pytest.fixture
async def client(root: Path, engine: FakeEngine) -> AsyncIterator[anthropic.AsyncAnthropic]:
    loader = FakeLoader(dict.fromkeys(("gen:latest", "able:latest", "vis:latest"), engine))
    async with (
        running_server(root, loader, access=Access(api_key=KEY)) as server,
        anthropic.AsyncAnthropic(base_url=server.url, api_key=KEY, max_retries=0) as client,
    ):
        yield client


def prompt_of(engine: FakeEngine) -> ChatPrompt:
    prompt = engine.requests[-1].prompt
    assert isinstance(prompt, ChatPrompt)
    return prompt


async def test_a_message(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    engine.script = Script(usage=Usage(prompt_tokens=11, cached_tokens=8, completion_tokens=3))
    answer = await client.messages.create(
        model="gen",
        max_tokens=50,
        system=[
            {"type": "text", "text": "Be ", "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "k."},
        ],
        messages=TURN,
        # Newer clients do not know these any more; older ones send them.
        extra_body={"temperature": 0.5, "top_k": 7},
        stop_sequences=["\n"],
        metadata={"user_id": "me"},
    )

    [block] = answer.content
    assert block.type == "text"
    assert (block.text, answer.stop_reason, answer.stop_sequence) == ("Hello there.", "end_turn", None)
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (3, 8, 3)
    assert prompt_of(engine).messages == (Message("system", "Be k."), Message("user", "hi"))
    sampling = engine.requests[0].sampling
    assert (sampling.max_tokens, sampling.temperature, sampling.top_k, sampling.stop) == (50, 0.5, 7, ("\n",))


async def test_sampling_that_is_not_given_is_the_models_own(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    await client.messages.create(model="gen", max_tokens=50, messages=TURN)
    assert (engine.requests[0].sampling.temperature, engine.requests[0].sampling.top_p) == (0.8, 0.9)


async def test_a_stream_of_thoughts_text_and_calls(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    again = ToolCallDelta(1, ToolCall("get_weather", {}))
    engine.script = Script((THOUGHTS, ("I will ", "look."), (CALL, again)))
    async with client.messages.stream(model="able", max_tokens=50, messages=TURN, tools=[WEATHER]) as stream:
        kinds = [event.type async for event in stream]
        answer = await stream.get_final_message()

    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 4
    thought, said, called, called_again = answer.content
    assert thought.type == "thinking"
    assert thought.thinking == "Let me see."
    assert thought.signature
    assert said.type == "text"
    assert said.text == "I will look."
    assert called.type == called_again.type == "tool_use"
    assert (called.id, called.name, called.input) == ("call_1", "get_weather", {"location": "Boston"})
    assert called_again.id.startswith("toolu_")
    assert (answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens) == ("tool_use", 11, 3)


async def test_what_came_can_be_sent_back(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    engine.script = Script((THOUGHTS, ("I will look.",), (CALL,)))
    first = await client.messages.create(model="able", max_tokens=50, messages=TURN, tools=[WEATHER])
    result: Any = {
        "type": "tool_result",
        "tool_use_id": "call_1",
        "content": [{"type": "text", "text": "rain"}],
        "is_error": False,
    }
    engine.script = Script()
    await client.messages.create(
        model="able",
        max_tokens=50,
        messages=[
            *TURN,
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result, {"type": "text", "text": "and now?"}]},
        ],
        tools=[WEATHER],
    )

    assert prompt_of(engine).messages == (
        Message("user", "hi"),
        Message("assistant", "I will look.", "Let me see.", tool_calls=(CALL.call,)),
        Message("tool", "rain", tool_name="get_weather", tool_call_id="call_1"),
        Message("user", "and now?"),
    )


@pytest.mark.parametrize(
    ("chosen", "tool_choice", "is_one_call", "count"),
    [
        ({"type": "auto"}, "auto", False, 1),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", True, 1),
        ({"type": "tool", "name": "get_weather"}, NamedTool("get_weather"), False, 1),
        ({"type": "none"}, "auto", False, 0),
    ],
)
async def test_the_choice_of_tools(
    client: anthropic.AsyncAnthropic,
    engine: FakeEngine,
    chosen: Any,
    tool_choice: object,
    is_one_call: bool,
    count: int,
) -> None:
    await client.messages.create(model="able", max_tokens=50, messages=TURN, tools=[WEATHER], tool_choice=chosen)

    prompt = prompt_of(engine)
    assert (prompt.tool_choice, prompt.is_one_call, len(prompt.tools)) == (tool_choice, is_one_call, count)


@pytest.mark.parametrize(
    ("model", "asked", "think"),
    [
        ("able", {}, True),
        ("able", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ("able", {"thinking": {"type": "disabled"}}, False),
        ("able", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}}, "high"),
        ("able", {"output_config": {"effort": "low"}}, "low"),
        ("gen", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
    ],
)
async def test_thinking(
    client: anthropic.AsyncAnthropic, engine: FakeEngine, model: str, asked: dict[str, Any], think: object
) -> None:
    await client.messages.create(model=model, max_tokens=2048, messages=TURN, extra_body=asked)
    assert prompt_of(engine).think == think


async def test_so_much_may_be_thought(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    found = []
    for asked in (
        {"type": "enabled", "budget_tokens": 1024},
        {"type": "enabled"},
        {"type": "disabled", "budget_tokens": 1024},
    ):
        await client.messages.create(model="able", max_tokens=2048, messages=TURN, extra_body={"thinking": asked})
        found.append(prompt_of(engine).think_tokens)
    assert found == [1024, None, None]
    nothing: anthropic.types.ThinkingConfigEnabledParam = {"type": "enabled", "budget_tokens": 0}
    with pytest.raises(anthropic.BadRequestError, match="budget_tokens must be positive"):
        await client.messages.create(model="able", max_tokens=2048, messages=TURN, thinking=nothing)


async def test_a_schema_for_the_answer(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"age": {"type": "integer"}}}
    await client.messages.create(
        model="gen",
        max_tokens=50,
        messages=TURN,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    assert engine.requests[0].json_format == JsonFormat(schema)


async def test_pictures(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    source: anthropic.types.Base64ImageSourceParam = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    turn: anthropic.types.MessageParam = {
        "role": "user",
        "content": [{"type": "image", "source": source}, {"type": "text", "text": "what is it?"}],
    }
    await client.messages.create(model="vis", max_tokens=50, messages=[turn])
    assert prompt_of(engine).messages == (Message("user", "what is it?", images=(PICTURE,)),)
    with pytest.raises(anthropic.BadRequestError, match="does not support image input"):
        await client.messages.create(model="gen", max_tokens=50, messages=[turn])
    source["data"] = "%"
    with pytest.raises(anthropic.BadRequestError, match="invalid base64 image data"):
        await client.messages.create(model="vis", max_tokens=50, messages=[turn])


async def test_tokens_are_counted(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    counted = await client.messages.count_tokens(model="gen", system="one two", messages=TURN)
    assert counted.input_tokens == 3
    beta = await client.beta.messages.count_tokens(model="gen", messages=[{"role": "user", "content": "hi"}])
    assert beta.input_tokens == 1
    assert engine.requests == []


async def test_counting_does_not_wait_for_answers(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    engine.script = Script((("Hel",),), hang=True)
    streams = [await client.messages.create(model="gen", max_tokens=50, messages=TURN, stream=True) for _ in range(4)]
    counted = await client.messages.count_tokens(model="gen", messages=TURN)
    assert counted.input_tokens == 1
    for stream in streams:
        await stream.close()


async def test_an_answer_without_anything_has_no_blocks(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    engine.script = Script(())
    whole = await client.messages.create(model="gen", max_tokens=50, messages=TURN)
    stream = await client.messages.create(model="gen", max_tokens=50, messages=TURN, stream=True)
    assert whole.content == []
    assert [event.type async for event in stream] == ["message_start", "message_delta", "message_stop"]


async def test_an_answer_that_is_cut_off(client: anthropic.AsyncAnthropic) -> None:
    answer = await client.messages.create(model="gen", max_tokens=1, messages=TURN)
    assert answer.stop_reason == "max_tokens"


async def test_a_search_alone_is_refused_and_left_out_beside_others(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    search: anthropic.types.WebSearchTool20250305Param = {"type": "web_search_20250305", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError, match="runs no tools"):
        await client.messages.create(model="able", max_tokens=50, messages=TURN, tools=[search])
    await client.messages.create(model="able", max_tokens=50, messages=TURN, tools=[search, WEATHER])
    assert [tool["function"]["name"] for tool in prompt_of(engine).tools] == ["get_weather"]


async def test_a_tool_that_claude_knows_by_heart_is_described_to_the_model(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    bash: anthropic.types.ToolBash20250124Param = {"type": "bash_20250124", "name": "bash"}
    await client.messages.create(model="able", max_tokens=50, messages=TURN, tools=[bash])
    [tool] = prompt_of(engine).tools
    assert set(tool["function"]["parameters"]["properties"]) == {"command", "restart"}


async def test_a_document_is_read_and_a_pdf_is_refused(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    def turn(source: Any) -> list[anthropic.types.MessageParam]:
        return [{"role": "user", "content": [{"type": "document", "source": source, "title": "Notes"}]}]

    await client.messages.create(
        model="gen", max_tokens=50, messages=turn({"type": "text", "media_type": "text/plain", "data": "mules"})
    )
    assert "mules" in prompt_of(engine).messages[0].content
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    with pytest.raises(anthropic.BadRequestError, match="PDF specified was not valid"):
        await client.messages.create(model="gen", max_tokens=50, messages=turn(pdf))


async def test_thinking_that_was_streamed_can_be_sent_back(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    engine.script = Script((THOUGHTS, (CALL,)))
    async with client.messages.stream(model="able", max_tokens=50, messages=TURN, tools=[WEATHER]) as stream:
        first = await stream.get_final_message()
    result: anthropic.types.ToolResultBlockParam = {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}
    messages: list[anthropic.types.MessageParam] = [*TURN, first.to_param(), {"role": "user", "content": [result]}]
    await client.messages.create(model="able", max_tokens=50, messages=messages, tools=[WEATHER])

    assert prompt_of(engine).messages[1] == Message("assistant", "", "Let me see.", tool_calls=(CALL.call,))


async def test_a_last_turn_of_the_models_goes_to_the_engine_as_it_is(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    begun: list[anthropic.types.MessageParam] = [*TURN, {"role": "assistant", "content": "It is ("}]
    await client.messages.create(model="gen", max_tokens=50, messages=begun)
    assert prompt_of(engine).messages[-1] == Message("assistant", "It is (")


async def test_a_schema_of_pydantics_gives_a_value(client: anthropic.AsyncAnthropic, engine: FakeEngine) -> None:
    engine.script = Script((('{"age"', ": 22}"),))
    parsed = await client.messages.parse(model="gen", max_tokens=50, messages=TURN, output_format=Age)
    assert parsed.parsed_output == Age(age=22)
    wanted = engine.requests[0].json_format
    assert wanted is not None
    assert wanted.schema is not None
    assert wanted.schema["properties"]["age"]["type"] == "integer"


async def test_the_beta_client_runs_tools_until_the_model_is_done(
    client: anthropic.AsyncAnthropic, engine: FakeEngine
) -> None:
    def answer(request: TextRequest) -> Script:
        assert isinstance(request.prompt, ChatPrompt)
        return Script(((CALL,),)) if request.prompt.messages[-1].role == "user" else Script((("It ", "rains."),))

    @anthropic.beta_async_tool
    async def get_weather(location: str) -> str:
        """The weather of a place."""
        return f"rain in {location}"

    engine.script = answer
    runner = client.beta.messages.tool_runner(
        model="able", max_tokens=50, messages=[{"role": "user", "content": "hi"}], tools=[get_weather]
    )
    last = await runner.until_done()
    assert [block.text for block in last.content if block.type == "text"] == ["It rains."]
    assert prompt_of(engine).messages[-1].content == "rain in Boston"


async def test_a_header_tells_the_request(client: anthropic.AsyncAnthropic) -> None:
    whole = await client.messages.create(model="gen", max_tokens=50, messages=TURN)
    again = await client.messages.create(model="gen", max_tokens=50, messages=TURN)
    assert whole._request_id
    assert whole._request_id.startswith("req_")
    assert whole._request_id != again._request_id
    async with client.messages.stream(model="gen", max_tokens=50, messages=TURN) as stream:
        assert stream.request_id


async def test_a_tool_that_nobody_here_runs_is_told_as_ignored(client: anthropic.AsyncAnthropic) -> None:
    search: anthropic.types.WebSearchTool20250305Param = {"type": "web_search_20250305", "name": "web_search"}
    answer = await client.messages.with_raw_response.create(
        model="able", max_tokens=9, messages=TURN, tools=[WEATHER, search]
    )
    assert answer.headers["x-arriero-ignored"] == "tools.web_search_20250305"
