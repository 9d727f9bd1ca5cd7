"""Tools of OpenAI's API that take a text instead of arguments. Pure.

A model is shown such a tool as a function of one argument, and its call is told to the client as what it asked for.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_ARGUMENT = "input"


# A tool's definition is the caller's JSON.
def custom_function(name: str, tool: Mapping[str, Any]) -> dict[str, Any]:
    """The function that a model is shown. tool: its ``description``, and the ``format`` that its text must have."""
    described = [text for text in (tool.get("description"), _grammar(tool.get("format"))) if isinstance(text, str)]
    function: dict[str, Any] = {"name": name}
    if described:
        function["description"] = "\n\n".join(described)
    argument = {"type": "string", "description": "All of the text, as it is"}
    function["parameters"] = {"type": "object", "properties": {_ARGUMENT: argument}, "required": [_ARGUMENT]}
    return {"type": "function", "function": function}


def custom_arguments(text: str) -> dict[str, Any]:
    """The arguments of the function, for the text that a tool was called with."""
    return {_ARGUMENT: text}


def custom_input(arguments: Mapping[str, Any]) -> str:
    """The text that a tool is called with; of a model that made up arguments of its own, those as JSON."""
    text = arguments.get(_ARGUMENT)
    return text if isinstance(text, str) else msgspec.json.encode(arguments).decode()


def _grammar(form: object) -> str | None:
    """What the text must look like, in words: engines have other grammars than these."""
    match form:
        # Chat completions have one object more around it than responses.
        case {"grammar": {"syntax": str(syntax), "definition": str(definition)}} | {
            "syntax": str(syntax),
            "definition": str(definition),
        }:
            return f"The text must match this grammar ({syntax}):\n{definition}"
        case _:
            return None
