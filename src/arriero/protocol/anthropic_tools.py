"""The tools of a request to Anthropic's Messages API, as functions, and which of them must be called. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import anthropic as wire
from arriero.protocol.anthropic_known_tools import KNOWN_TOOLS
from arriero.protocol.go_json import read_value
from arriero.types.chat import NamedTool, ToolChoice

# Tools that Anthropic's own servers run: nobody here does.
_RUN_ELSEWHERE = ("web_search", "web_fetch", "code_execution", "tool_search_tool", "mcp_toolset", "advisor")
# As much of them is told.
_TYPE_CHARACTERS = 40
_MOST_TYPES = 10


# A tool is JSON of the caller's, and of the engine's in the end.
def read_tools(request: wire.MessagesRequest) -> tuple[dict[str, Any], ...]:
    """The tools as functions, those that callers of Anthropic's know by their type included.

    Those that Anthropic's servers would run are left out, and refused where they come alone.
    """
    if request.tool_choice.type == "none":
        return ()
    tools = [read_value(tool, wire.ToolIn) for tool in request.tools]
    offered = [tool for tool in tools if not tool.type.startswith(_RUN_ELSEWHERE)]
    if tools and not offered:
        raise InvalidRequest(f"this server runs no tools ({tools[0].type}): send tools that you run yourself")
    return tuple(_function(tool) for tool in offered)


def left_out(request: wire.MessagesRequest) -> Sequence[str]:
    """The types of the tools that are not offered to the model."""
    kinds = {str(tool.get("type"))[:_TYPE_CHARACTERS] for tool in request.tools}
    return sorted(kind for kind in kinds if kind.startswith(_RUN_ELSEWHERE))[:_MOST_TYPES]


def read_tool_choice(request: wire.MessagesRequest) -> ToolChoice:
    """Whether a tool must be called."""
    match request.tool_choice:
        case wire.ToolChoice(type="any"):
            return "required"
        case wire.ToolChoice(type="tool", name=name):
            return NamedTool(name)
        case wire.ToolChoice(type="auto" | "none" | ""):
            return "auto"
        case wire.ToolChoice(type=kind):
            raise InvalidRequest(f"tool_choice must be auto, any, tool or none, and not {kind!r}")


def _function(tool: wire.ToolIn) -> dict[str, Any]:
    known = _known(tool)
    description = tool.description or (known.description if known else "")
    function = {"name": tool.name, "description": description, "parameters": _schema(tool, known)}
    return {"type": "function", "function": function}


def _schema(tool: wire.ToolIn, known: wire.ToolIn | None) -> Mapping[str, Any]:
    schema = known.input_schema if known and isinstance(tool.input_schema, UnsetType) else tool.input_schema
    if isinstance(schema, UnsetType):
        return {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        raise InvalidRequest(f'invalid input_schema for tool "{tool.name}": it must be an object')
    return schema


def _known(tool: wire.ToolIn) -> wire.ToolIn | None:
    """What a tool is that is told by its type alone. Raises InvalidRequest where nobody here knows the type."""
    if tool.type in {"", "custom"} or not isinstance(tool.input_schema, UnsetType):
        return None
    for prefix, known in KNOWN_TOOLS.items():
        if tool.type.startswith(prefix):
            return known
    raise InvalidRequest(f'no tool of the type {tool.type} is known here: send "{tool.name}" with an input_schema')
