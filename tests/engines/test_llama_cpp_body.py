import pytest

from arriero.engines.llama_cpp.body import chat_body, narrow_seed, request_body, sampling_body
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
from arriero.types.sampling import SamplingParams

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
TIME = {"type": "function", "function": {"name": "get_time"}}


def test_parameters_that_are_not_set_are_left_out() -> None:
    assert sampling_body(SamplingParams(), 512) == {}


def test_parameters_have_the_names_of_llama_cpp() -> None:
    params = SamplingParams(
        max_tokens=5,
        temperature=0.0,
        top_k=0,
        top_p=0.9,
        min_p=0.05,
        typical_p=1.0,
        repeat_penalty=1.1,
        repeat_last_n=-1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        num_keep=4,
        seed=0,
        stop=("a", "b"),
        logit_bias=((7, -100.0),),
    )
    assert sampling_body(params, 512, 7) == {
        "max_tokens": 5,
        "temperature": 0.0,
        "top_k": 0,
        "top_p": 0.9,
        "min_p": 0.05,
        "typical_p": 1.0,
        "repeat_penalty": 1.1,
        "repeat_last_n": 512,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "n_keep": 4,
        "seed": 0,
        "stop": ["a", "b"],
        "logit_bias": ((7, -100.0),),
    }


def test_integers_fit_into_those_of_llama_cpp() -> None:
    body = sampling_body(SamplingParams(max_tokens=10**12, top_k=-(10**12), repeat_last_n=10**12, num_keep=10**12), 512)
    assert body == {"max_tokens": 2**31 - 1, "top_k": -1, "repeat_last_n": 512, "n_keep": 2**31 - 1}


@pytest.mark.parametrize(
    ("asked", "default", "sent"),
    [(None, None, None), (None, 7, 7), (3, 7, 3), (0, 7, 0), (-1, 7, None), (-1, None, None)],
)
def test_the_seed_of_the_request_comes_before_that_of_the_server(
    asked: int | None, default: int | None, sent: int | None
) -> None:
    assert sampling_body(SamplingParams(seed=asked), 512, default).get("seed") == sent


@pytest.mark.parametrize(
    ("seed", "narrow"),
    [
        (0, 0),
        (2**32, 0),
        (2**63 - 1, 0xFFFFFFFE),
        (0xFFFFFFFF, 0xFFFFFFFE),
        (-2, 0xFFFFFFFE),
        (-(2**63), 0),
        (10**400, 10**400 % 2**32),
    ],
)
def test_a_seed_fits_and_never_means_random(seed: int, narrow: int) -> None:
    assert narrow_seed(seed) == narrow


def test_messages_carry_the_thinking_of_earlier_turns() -> None:
    prompt = ChatPrompt((Message("user", "hi"), Message("assistant", "Hello.", "Hm.")))
    assert chat_body(prompt) == {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Hello.", "reasoning_content": "Hm."},
        ]
    }


@pytest.mark.parametrize(
    ("think", "arguments"),
    [
        (True, {"enable_thinking": True}),
        (False, {"enable_thinking": False}),
        ("high", {"enable_thinking": True, "reasoning_effort": "high"}),
    ],
)
def test_the_template_is_told_whether_to_think(think: bool, arguments: dict[str, object]) -> None:
    assert chat_body(ChatPrompt((Message("user", "hi"),), think))["chat_template_kwargs"] == arguments


@pytest.mark.parametrize(("tokens", "sent"), [(None, None), (1024, 1024), (2**40, 2**31 - 1)])
def test_thinking_has_a_limit_where_one_is_set(tokens: int | None, sent: int | None) -> None:
    prompt = ChatPrompt((Message("user", "hi"),), think=True, think_tokens=tokens)
    assert request_body(TextRequest(prompt), 512).get("thinking_budget_tokens") == sent


@pytest.mark.parametrize(("asked", "sent"), [(-1, 512), (0, 0), (64, 64), (512, 512), (300_000_000, 512)])
def test_penalties_look_at_no_more_tokens_than_there_are(asked: int, sent: int) -> None:
    assert sampling_body(SamplingParams(repeat_last_n=asked), 512) == {"repeat_last_n": sent}


def test_a_call_and_its_result_go_back_as_openai_writes_them() -> None:
    turns = (
        Message("assistant", "", tool_calls=(ToolCall("get_weather", {"city": "Paris", "a": 1}, "call_1"),)),
        Message("tool", "11 degrees", tool_name="get_weather", tool_call_id="call_1"),
    )
    call = {
        "type": "function",
        "id": "call_1",
        "function": {"name": "get_weather", "arguments": '{"city":"Paris","a":1}'},
    }
    assert chat_body(ChatPrompt(turns, tools=(WEATHER,))) == {
        "messages": [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "11 degrees", "name": "get_weather", "tool_call_id": "call_1"},
        ],
        "tools": (WEATHER,),
        "parallel_tool_calls": True,
    }


def test_a_tool_that_must_be_called_is_all_that_the_answer_may_be() -> None:
    prompt = ChatPrompt((Message("user", "x"),), tools=(WEATHER, TIME), tool_choice=NamedTool("get_time"))
    body = request_body(TextRequest(prompt, json_format=JsonFormat()), 512)
    assert (body["tool_choice"], body["tools"]) == ("none", (WEATHER, TIME))
    assert "get_time" in str(body["response_format"])
    assert "get_weather" not in str(body["response_format"])


def test_one_call_may_be_enough() -> None:
    body = chat_body(ChatPrompt((Message("user", "x"),), tools=(WEATHER,), is_one_call=True))
    assert body["parallel_tool_calls"] is False


def test_images_stand_before_the_text() -> None:
    body = chat_body(ChatPrompt((Message("user", "What is it?", images=(PIXEL,)),)))
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "text", "text": "What is it?"},
    ]


@pytest.mark.parametrize(
    ("prompt", "asked", "keys"),
    [
        (ChatPrompt((Message("user", "x"),)), 0, {"logprobs": True, "top_logprobs": 1}),
        (ChatPrompt((Message("user", "x"),)), 5, {"logprobs": True, "top_logprobs": 5}),
        (TextPrompt("x"), 5, {"logprobs": 5, "prompt": "x"}),
        (InfillPrompt("a", "b"), 3, {"n_probs": 3, "input_prefix": "a", "input_suffix": "b"}),
    ],
)
def test_log_probabilities_have_a_name_on_each_route(
    prompt: ChatPrompt | TextPrompt | InfillPrompt, asked: int, keys: dict[str, object]
) -> None:
    body = request_body(TextRequest(prompt, top_logprobs=asked), 512)
    assert {key: body[key] for key in keys} == keys
    assert not {"logprobs", "n_probs"} & request_body(TextRequest(prompt), 512).keys()


def test_earlier_tokens_stand_in_front_of_the_text() -> None:
    assert request_body(TextRequest(TextPrompt("more", (1, 2))), 512)["prompt"] == [1, 2, "more"]


def test_a_schema_has_a_name_on_each_route() -> None:
    wanted = JsonFormat({"type": "object"})
    chat = request_body(TextRequest(ChatPrompt((Message("user", "x"),)), json_format=wanted), 512)
    assert chat["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert request_body(TextRequest(TextPrompt("x"), json_format=wanted), 512)["json_schema"] == {"type": "object"}


@pytest.mark.parametrize(("stop", "asks"), [(("END",), True), ((), False)])
def test_which_text_ended_an_answer_is_asked_only_where_it_may_be_one(stop: tuple[str, ...], asks: bool) -> None:
    prompt = ChatPrompt((Message("user", "hi"),))
    body = request_body(TextRequest(prompt, SamplingParams(stop=stop), wants_stop_text=True), 512)
    assert ("verbose" in body) == asks
