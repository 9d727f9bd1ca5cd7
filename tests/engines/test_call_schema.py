# Schemas are any JSON.
from typing import Any

from arriero.engines.call_schema import call_format
from arriero.types.chat import ChatPrompt, Message, NamedTool, ToolChoice

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TREE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/Node"}},
    "$defs": {"Node": {"anyOf": [{"$ref": "#"}]}},
}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **more}}


TOOLS = (tool("get_weather", parameters=WEATHER), tool("get_time"))


def schema(choice: ToolChoice, *tools: dict[str, Any], is_one_call: bool = False) -> Any:
    wanted = call_format(ChatPrompt((Message("user", "x"),), tools=tools, tool_choice=choice, is_one_call=is_one_call))
    return wanted and wanted.schema


def call(name: str, parameters: Any) -> Any:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def test_where_nothing_must_be_called_the_answer_is_free() -> None:
    assert schema("auto", *TOOLS) is None


def test_a_call_is_of_any_tool() -> None:
    assert schema("required", *TOOLS, is_one_call=True)["anyOf"] == [
        call("get_weather", WEATHER),
        call("get_time", {"type": "object"}),
    ]


def test_a_call_is_of_the_tool_that_is_named() -> None:
    assert schema(NamedTool("get_time"), *TOOLS, is_one_call=True)["anyOf"] == [call("get_time", {"type": "object"})]


def test_several_calls_are_a_list() -> None:
    one = [call("get_time", {"type": "object"})]
    assert schema("required", tool("get_time"))["anyOf"] == [
        *one,
        {"type": "array", "items": {"anyOf": one}, "minItems": 1},
    ]


def test_what_a_schema_refers_to_is_found_at_its_new_place() -> None:
    found = schema("required", tool("get_time"), tool("grow", parameters=TREE), is_one_call=True)
    moved = {
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/1/$defs/Node"}},
        "$defs": {"Node": {"anyOf": [{"$ref": "#/$defs/1"}]}},
    }
    assert found["anyOf"][1] == call("grow", moved)
    assert found["$defs"]["1"] == moved


def test_a_name_that_no_tool_has_calls_nothing() -> None:
    assert schema(NamedTool("other"), *TOOLS) is None
