"""Which tools a request to the Responses API offers, and what its client calls them. Pure.

A model is shown functions only: those of a namespace bear its name in front of theirs, and a tool that takes a text has
one argument. OpenAI's own tools, such as its search, are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import openai_responses as wire
from arriero.protocol.openai_custom_tools import custom_function
from arriero.types.chat import NamedTool, ToolChoice

# As much of them is told.
_KIND_CHARACTERS = 40
_MOST_KINDS = 10
_NO_PARAMETERS = {"type": "object", "properties": {}}
_CHOICES = '"none", "auto", "required", {"type": "function", "name": …} or {"type": "allowed_tools", …}'


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool as its client knows it, and the function that the model is shown.

    namespace: "" for none. is_custom: it takes a text instead of arguments.
    """

    name: str
    namespace: str
    is_custom: bool
    # A tool's definition is the caller's JSON.
    function: dict[str, Any]


# By the names of the functions.
Offered = Mapping[str, OfferedTool]


def offered_tools(request: wire.ResponsesRequest) -> Offered:
    """The tools of a request. Raises InvalidRequest where there are only such as nobody here has."""
    offered = {full_name(tool.name, tool.namespace): tool for each in request.tools for tool in _offered(each)}
    if request.tools and not offered:
        raise InvalidRequest(
            f"this server has no tools of its own ({', '.join(left_out(request))}): "
            "send functions, and call them yourself"
        )
    return offered


def left_out(request: wire.ResponsesRequest) -> Sequence[str]:
    """The kinds of the tools that are not offered to the model, some of them: whatever a client calls them."""
    kinds = sorted({str(tool.get("type"))[:_KIND_CHARACTERS] for tool in request.tools if not _offered(tool)})
    return kinds[:_MOST_KINDS]


def read_tools(request: wire.ResponsesRequest) -> tuple[tuple[dict[str, Any], ...], ToolChoice]:
    """The functions that may be called, and whether one must be. Raises InvalidRequest for no such choice."""
    offered = offered_tools(request)
    tools = tuple(tool.function for tool in offered.values())
    match request.tool_choice:
        case UnsetType() | "auto":
            return tools, "auto"
        case "none":
            return (), "auto"
        case "required":
            return tools, "required"
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            names = {_named(tool) for tool in allowed if isinstance(tool, dict)}
            found = tuple(tool.function for name, tool in offered.items() if name in names)
            if not found:
                raise InvalidRequest("tool_choice allows none of the tools that this server can offer")
            return found, mode
        case {"type": "function" | "custom", "name": str(name), **others}:
            return tools, NamedTool(full_name(name, str(others.get("namespace") or "")))
        case {"type": str(kind)} if kind not in {"function", "custom", "allowed_tools"}:
            raise InvalidRequest(f"tool_choice: this server has no tool of its own ({kind})")
        case _:
            raise InvalidRequest(f"invalid tool_choice (must be {_CHOICES})")


def full_name(name: str, namespace: str) -> str:
    """What the model calls a tool."""
    return f"{namespace}.{name}" if namespace else name


def _named(tool: Mapping[str, Any]) -> str:
    return full_name(str(tool.get("name")), str(tool.get("namespace") or ""))


def _offered(tool: Mapping[str, Any], namespace: str = "") -> list[OfferedTool]:
    """The tools that one entry of the list stands for."""
    kind, name = str(tool.get("type")), tool.get("name")
    if kind.startswith("web_search") or not isinstance(name, str) or not name:
        return []
    if kind == "namespace":
        members = tool.get("tools")
        found = [member for member in members if isinstance(member, Mapping)] if isinstance(members, list) else []
        return [offered for member in found for offered in _offered(member, full_name(name, namespace))]
    is_custom = kind == "custom"
    function = custom_function(full_name(name, namespace), tool) if is_custom else _function(name, namespace, tool)
    return [OfferedTool(name, namespace, is_custom, function)]


def _function(name: str, namespace: str, tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": full_name(name, namespace), "parameters": tool.get("parameters") or _NO_PARAMETERS}
    if tool.get("description"):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}
