"""Tools of Anthropic's that the caller runs, and that a request names by their type alone: what models must be told.

Claude has learned them by heart; any other model has to read what they take.
"""

from collections.abc import Mapping
from typing import Any

from arriero.protocol.anthropic import ToolIn

_TEXT = {"type": "string"}
_LINES = {"type": "array", "items": {"type": "integer"}, "description": "First and last line, from 1; -1: to the end"}


# A schema is JSON.
def _schema(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _edits(*more: str) -> dict[str, Any]:
    return {
        "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", *more]},
        "path": {"type": "string", "description": "Absolute path of a file or directory"},
        "file_text": {"type": "string", "description": "For create: all of the new file"},
        "old_str": {"type": "string", "description": "For str_replace: text that is in the file exactly once"},
        "new_str": {"type": "string", "description": "For str_replace: what takes its place"},
        "insert_line": {"type": "integer", "description": "For insert: the line after which it goes; 0: the beginning"},
        "insert_text": {"type": "string", "description": "For insert: the text"},
        "view_range": _LINES,
    }


_BASH = ToolIn(
    name="bash",
    description="Runs a command in a bash shell that stays open between calls, and returns its output.",
    input_schema=_schema(
        [],
        command={"type": "string", "description": "The command; needed unless restart is true"},
        restart={"type": "boolean", "description": "Start the shell anew"},
    ),
)
_EDITOR = ToolIn(
    name="str_replace_based_edit_tool",
    description="Shows files and directories, and makes and changes files.",
    input_schema=_schema(["command", "path"], **_edits()),
)
_MEMORY = ToolIn(
    name="memory",
    description="Keeps notes for later as files below /memories: look there before you begin.",
    input_schema=_schema(["command"], **_edits("delete", "rename"), old_path=_TEXT, new_path=_TEXT),
)
# By how their types begin: a date follows.
KNOWN_TOOLS: Mapping[str, ToolIn] = {"bash_": _BASH, "text_editor_": _EDITOR, "memory_": _MEMORY}
