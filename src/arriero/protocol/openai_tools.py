"""Which tools a request for a chat completion offers, and whether one must be called. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import openai_chat as wire
from arriero.protocol.openai_custom_tools import custom_function
from arriero.types.chat import NamedTool, ToolChoice

_CHOICES = (
    '"none", "auto", "required", {"type": "function", "function": {"name": …}} '
    'or {"type": "allowed_tools", "allowed_tools": {"mode": …, "tools": […]}}'
)

# A tool's definition is the caller's JSON, not looked at yet.
Tools = tuple[dict[str, Any], ...]


def read_tools(body: wire.ChatCompletionRequest) -> tuple[Tools, ToolChoice]:
    """The tools that may be called, and whether one must be. Raises InvalidRequest for a choice that cannot be made."""
    if body.functions:
        raise InvalidRequest("functions is what tools were once called: send tools and tool_choice")
    tools = tuple(_function(tool) for tool in body.tools)
    if not tools:
        return (), "auto"
    match body.tool_choice:
        case UnsetType() | "auto":
            return tools, "auto"
        case "none":
            return (), "auto"
        case "required":
            return tools, "required"
        case {"function": {"name": str(name)}} | {"custom": {"name": str(name)}}:
            _check_known([name], tools)
            return tools, NamedTool(name)
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(allowed)}}:
            names = {str(_name(_function(tool))) for tool in allowed if isinstance(tool, dict)}
            _check_known(names, tools)
            return tuple(tool for tool in tools if str(_name(tool)) in names), mode
        case _:
            raise InvalidRequest(f"invalid tool_choice (must be {_CHOICES})")


def custom_names(body: wire.ChatCompletionRequest) -> frozenset[str]:
    """The tools that take a text instead of arguments."""
    return frozenset(str(_name(_function(tool))) for tool in body.tools if _custom(tool) is not None)


def _check_known(names: Collection[str], tools: Tools) -> None:
    """Raise InvalidRequest where a choice is of no tool, or of one that there is not."""
    if not names:
        raise InvalidRequest('tool_choice allows no tool: say "none"')
    known = {name for tool in tools if isinstance(name := _name(tool), str)}
    for name in names:
        if name not in known:
            raise InvalidRequest(f"tool_choice names {name!r}, which is none of the tools")


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool as a function, which is what it is where it does not say."""
    custom = _custom(tool)
    return {"type": "function", **tool} if custom is None else custom_function(str(custom.get("name", "")), custom)


def _custom(tool: Mapping[str, Any]) -> Mapping[str, Any] | None:
    custom = tool.get("custom")
    return custom if tool.get("type") == "custom" and isinstance(custom, Mapping) else None


def _name(tool: Mapping[str, Any]) -> object:
    function = tool.get("function")
    return function.get("name") if isinstance(function, Mapping) else None
