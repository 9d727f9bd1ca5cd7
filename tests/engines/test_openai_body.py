# Bodies are JSON in the making.
from typing import Any

import pytest

from arriero.engines.openai.body import chat_body, chat_request, text_request, tokenize_body
from arriero.engines.openai.quirks import OPENAI, SGLANG, SMG, VLLM, Quirks
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextRequest, ThinkLevel, ToolCall
from arriero.types.sampling import SamplingParams

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
HI = (Message("user", "hi"),)


def chat(prompt: ChatPrompt, quirks: Quirks = VLLM, **request: Any) -> dict[str, Any]:
    return chat_request("m", prompt, TextRequest(prompt, **request), quirks)


@pytest.mark.parametrize(
    ("think", "quirks", "effort", "arguments"),
    [
        (None, VLLM, None, None),
        (True, VLLM, None, {"enable_thinking": True, "thinking": True}),
        (False, SGLANG, None, {"enable_thinking": False, "thinking": False}),
        ("low", SMG, "low", {"enable_thinking": True, "thinking": True, "reasoning_effort": "low"}),
        ("high", OPENAI, "high", None),
        (False, OPENAI, None, None),
    ],
)
def test_thinking_is_asked_for_as_the_server_takes_it(
    think: bool | ThinkLevel | None, quirks: Quirks, effort: str | None, arguments: dict[str, Any] | None
) -> None:
    body = chat_body(ChatPrompt(HI, think), quirks)
    assert (body.get("reasoning_effort"), body.get("chat_template_kwargs")) == (effort, arguments)


def test_tools_that_may_be_called_are_sent_as_they_are() -> None:
    body = chat(ChatPrompt(HI, tools=(TOOL,)))
    assert (body["tools"], body["tool_choice"]) == ((TOOL,), "auto")
    assert "parallel_tool_calls" not in body


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("required", "required"), (NamedTool("f"), {"type": "function", "function": {"name": "f"}})],
)
def test_a_forced_call_is_held_to_its_schema(choice: Any, sent: Any) -> None:
    prompt = ChatPrompt(HI, tools=(TOOL,), tool_choice=choice, is_one_call=True)
    body = chat(prompt)
    assert body["tool_choice"] == sent
    assert body["tools"][0]["function"]["strict"] is True
    assert body["parallel_tool_calls"] is False
    assert chat(prompt, OPENAI)["tools"] == (TOOL,)
    assert "strict" not in TOOL["function"]


def test_a_forced_call_comes_in_place_of_an_answer_in_a_format() -> None:
    assert "response_format" not in chat(
        ChatPrompt(HI, tools=(TOOL,), tool_choice="required"), json_format=JsonFormat()
    )


def test_an_answer_that_has_begun_is_gone_on_from() -> None:
    prompt = ChatPrompt((*HI, Message("assistant", "The")))
    for quirks in (VLLM, SGLANG):
        body = chat_body(prompt, quirks)
        assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert "add_generation_prompt" not in tokenize_body("m", prompt, SGLANG)
    assert "continue_final_message" not in chat_body(prompt, OPENAI)
    called = ChatPrompt((*HI, Message("assistant", "x", tool_calls=(ToolCall("f", {}),))))
    assert "continue_final_message" not in chat_body(called, VLLM)


def test_what_was_thought_goes_under_the_servers_names() -> None:
    prompt = ChatPrompt((*HI, Message("assistant", "a", thinking="t"), *HI))
    sent = [set(chat_body(prompt, quirks)["messages"][1]) - {"role", "content"} for quirks in (VLLM, SGLANG, OPENAI)]
    assert sent == [{"reasoning", "reasoning_content"}, {"reasoning_content"}, set()]


def test_calls_and_their_results_find_each_other() -> None:
    calls = (ToolCall("f", {}), ToolCall("g", {}), ToolCall("h", {}, "named"))
    turns = (Message("assistant", "", tool_calls=calls), Message("tool", "2", tool_name="g"), Message("tool", "1"))
    sent = chat_body(ChatPrompt((*HI, *turns)), VLLM)["messages"]
    ids = [call["id"] for call in sent[1]["tool_calls"]]
    assert [len(each) for each in ids] == [9, 9, 5]
    assert [sent[2]["tool_call_id"], sent[3]["tool_call_id"]] == [ids[1], ids[0]]


@pytest.mark.parametrize("tops", [0, 5])
def test_log_probabilities_are_asked_for_in_both_forms(tops: int) -> None:
    request = TextRequest(ChatPrompt(HI), top_logprobs=tops)
    body = chat_request("m", ChatPrompt(HI), request, VLLM)
    assert (body["logprobs"], body["top_logprobs"]) == (True, tops)
    assert text_request("m", "hi", request, VLLM)["logprobs"] == tops


def test_usage_comes_early_only_where_the_answer_may_end_here() -> None:
    few, many = SamplingParams(stop=("a",)), SamplingParams(stop=tuple("abcde"))
    assert chat(ChatPrompt(HI), sampling=few)["stream_options"] == {"include_usage": True}
    assert chat(ChatPrompt(HI), sampling=many)["stream_options"]["continuous_usage_stats"] is True
    assert chat(ChatPrompt(HI), OPENAI, sampling=many)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(("quirks", "sent"), [(VLLM, {"top_k": 7, "min_tokens": 3}), (OPENAI, {})])
def test_an_engines_own_fields_go_to_those_that_have_them(quirks: Quirks, sent: dict[str, Any]) -> None:
    fields = {"top_k": 7, "min_tokens": 3, "chat_template": "x"}
    body = chat(ChatPrompt(HI), quirks, engine_fields=fields)
    assert {name: body[name] for name in fields if name in body} == sent


def test_what_is_asked_for_in_ollamas_words_comes_before_an_engines_own() -> None:
    body = chat(ChatPrompt(HI), engine_fields={"top_k": 7}, sampling=SamplingParams(top_k=5))
    assert body["top_k"] == 5
