"""What ``/set`` changes in a session."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from arriero.cli.session import Format, Option, Session
from arriero.cli.slash import unquoted
from arriero.errors import InvalidRequest
from arriero.protocol.modelfile import option_value
from arriero.protocol.ollama_options import OPTION_TYPES

THINK_LEVELS = ("low", "medium", "high", "max")
_WORDS = re.compile(r'"([^"]*)"|(\S+)')
_DISPLAYS: dict[str, tuple[str, bool]] = {
    "verbose": ("verbose", True),
    "quiet": ("verbose", False),
    "wordwrap": ("wordwrap", True),
    "nowordwrap": ("wordwrap", False),
    "markdown": ("markdown", True),
    "nomarkdown": ("markdown", False),
    "history": ("keeps_history", True),
    "nohistory": ("keeps_history", False),
}


def change(session: Session, what: str, argument: str) -> tuple[Session, str]:
    """The session after ``/set what argument``, and what the user is told. Raises InvalidRequest, and says how."""
    if what in _DISPLAYS:
        name, value = _DISPLAYS[what]
        # The names are those of the fields.
        changes: dict[str, Any] = {name: value}
        return replace(session, display=replace(session.display, **changes)), f"Set '{what}' mode."
    setter = _SETTERS.get(what)
    if setter is None:
        raise InvalidRequest(f"Unknown command '/set {what}'. Type /? for help")
    return setter(session, argument)


def read_format(text: str) -> Format:
    """``json``, or a JSON schema. Raises InvalidRequest for any other text."""
    if text == "json":
        return "json"
    try:
        schema = json.loads(text)
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise InvalidRequest(f"format: {text!r} is neither json nor a JSON schema")
    return schema


def read_option(name: str, words: list[str]) -> Option:
    """An option's value, as a Modelfile would have it; only one that is a list has several words.

    Raises InvalidRequest in Ollama's words.
    """
    try:
        values = [option_value(name, word) for word in words]
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    return words if isinstance(values[0], list) else values[0]


def _set_parameter(session: Session, argument: str) -> tuple[Session, str]:
    name, *words = [quoted or word for quoted, word in _WORDS.findall(argument)] or [""]
    if not words:
        raise InvalidRequest("Usage:\n  /set parameter <name> <value>\nNames: " + ", ".join(sorted(OPTION_TYPES)))
    try:
        options = {**session.options, name: read_option(name, words)}
    except InvalidRequest as error:
        raise InvalidRequest(f"Couldn't set parameter: {error}") from error
    return replace(session, options=options), f"Set parameter '{name}' to '{', '.join(words)}'"


def _set_system(session: Session, argument: str) -> tuple[Session, str]:
    text = unquoted(argument)
    return replace(session, system=text), "Set system message." if text else "Removed the system message."


def _set_format(session: Session, argument: str) -> tuple[Session, str]:
    if not argument:
        raise InvalidRequest("Invalid or missing format. For 'json' mode use '/set format json'")
    return replace(session, format=read_format(argument)), f"Set format to {argument} mode."


def _set_noformat(session: Session, _: str) -> tuple[Session, str]:
    return replace(session, format=None), "Disabled format."


def _set_think(session: Session, argument: str) -> tuple[Session, str]:
    if argument and argument not in THINK_LEVELS:
        raise InvalidRequest(f"Invalid think value: {argument!r} is none of {', '.join(THINK_LEVELS)}")
    told = f"Set 'think' mode to '{argument}'." if argument else "Set 'think' mode."
    return replace(session, think=argument or True), told


def _set_nothink(session: Session, _: str) -> tuple[Session, str]:
    return replace(session, think=False), "Set 'nothink' mode."


_SETTERS: dict[str, Callable[[Session, str], tuple[Session, str]]] = {
    "parameter": _set_parameter,
    "system": _set_system,
    "format": _set_format,
    "noformat": _set_noformat,
    "think": _set_think,
    "nothink": _set_nothink,
}
