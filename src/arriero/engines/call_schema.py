"""A schema that holds an answer to calls of tools: for engines that cannot be told that one must be called. Pure.

llama.cpp lets a model that must call a tool write text in front of the call, without end where the model does not know
the marks of its template. An answer that is held to the JSON of a call is one, whatever the model is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from arriero.types.chat import ChatPrompt, JsonFormat, NamedTool

_ANYTHING: Mapping[str, Any] = {"type": "object"}


def call_format(prompt: ChatPrompt) -> JsonFormat | None:
    """What the answer must be so that a tool is called, or the one that is named; None where none must be."""
    functions = [function for tool in prompt.tools if isinstance(function := tool.get("function"), Mapping)]
    match prompt.tool_choice:
        case "auto":
            return None
        case NamedTool(name):
            functions = [function for function in functions if function.get("name") == name]
        case "required":
            pass
    return JsonFormat(_schema(functions, is_one_call=prompt.is_one_call)) if functions else None


# Schemas are the caller's JSON.
def _schema(functions: Sequence[Mapping[str, Any]], *, is_one_call: bool) -> dict[str, Any]:
    """The schema of one call, or of a list of them."""
    parameters = [
        _moved(function.get("parameters") or _ANYTHING, f"#/$defs/{n}") for n, function in enumerate(functions)
    ]
    calls = [_call(function["name"], each) for function, each in zip(functions, parameters, strict=True)]
    several = [] if is_one_call else [{"type": "array", "items": {"anyOf": calls}, "minItems": 1}]
    return {"anyOf": [*calls, *several], "$defs": {str(n): each for n, each in enumerate(parameters)}}


def _call(name: str, parameters: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _moved(schema: Any, place: str) -> Any:
    """A schema as part of another: what it refers to in itself lies at its new place."""
    match schema:
        case Mapping():
            return {
                key: place + value[1:]
                if key == "$ref" and isinstance(value, str) and value[:1] == "#"
                else _moved(value, place)
                for key, value in schema.items()
            }
        case list():
            return [_moved(item, place) for item in schema]
        case _:
            return schema
