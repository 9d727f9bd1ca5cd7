"""Modelfiles: what a model is to be made of, as text. Pure.

The grammar is that of Ollama's ``parser/parser.go``. A value goes to the end of its line, or stands in quotes, one or
three, and may then span lines. There are no escapes: a closing quote is one at the end of a line.
"""

import codecs
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from arriero.errors import InvalidRequest
from arriero.protocol.ollama_options import OPTION_TYPES
from arriero.types.chat import Message

_COMMANDS = ("from", "license", "template", "system", "adapter", "draft", "renderer", "parser", "parameter", "message")
_WRONG_COMMAND = 'command must be one of "' + '", "'.join(_COMMANDS) + '", or "requires"'
_GATHERED = {"from": "origins", "adapter": "adapters", "draft": "drafts", "license": "licenses"}
_ROLES = ("system", "user", "assistant")
_WRONG_ROLE = 'message role must be one of "system", "user", or "assistant"'
# Options of former times: old files have them, and nothing is left for them to decide.
_DEPRECATED = frozenset({
    "penalize_newline", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mlock", "mirostat", "mirostat_tau",
    "mirostat_eta",
})  # fmt: skip
_TRUE, _FALSE = {"1", "t", "T", "TRUE", "true", "True"}, {"0", "f", "F", "FALSE", "false", "False"}
_NEWLINE = re.compile(r"[\r\n]")
_LINE_END = re.compile(r"\r\n|\r|\n")
# Quotes with nothing but blanks behind them on their line.
_CLOSING = {quote: re.compile(rf"{quote}[^\S\r\n]*(?=[\r\n]|\Z)") for quote in ('"""', '"')}
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_BLANKS = re.compile(r"[^\S\r\n]*")
_NAME = re.compile(r"[A-Za-z]*")
_OPTION = re.compile(r"[ \t]*([A-Za-z0-9_]*)")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SEMVER = re.compile(
    r"v?(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Modelfile:
    """A Modelfile's instructions; "" stands for one that is not there.

    origins: what the FROM lines name, models or paths. adapters, drafts: paths. parameters: options under Ollama's
    names, each of its own type. deprecated: the options in it that no longer mean anything.
    """

    origins: tuple[str, ...]
    adapters: tuple[str, ...] = ()
    drafts: tuple[str, ...] = ()
    template: str = ""
    system: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    # Options are of many types, each checked against its own.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    licenses: tuple[str, ...] = ()
    messages: tuple[Message, ...] = ()
    deprecated: tuple[str, ...] = ()


def parse_modelfile(content: bytes | str) -> Modelfile:
    """Read a Modelfile: UTF-8, or UTF-16 with its byte order mark.

    Raises InvalidRequest in Ollama's words, with the line where there is one.
    """
    text = _decoded(content) if isinstance(content, bytes) else content.removeprefix("\ufeff")
    modelfile = Modelfile(origins=())
    for instruction in _instructions(text):
        modelfile = _with(modelfile, instruction)
    if not modelfile.origins:
        raise InvalidRequest("no FROM line")
    return modelfile


def print_modelfile(modelfile: Modelfile) -> str:
    """Write a Modelfile that reads as this one, its instructions in Ollama's order."""
    first, rest = modelfile.origins[:1], modelfile.origins[1:]
    singles = {key: getattr(modelfile, key) for key in ("template", "system", "renderer", "parser", "requires")}
    lines = [
        *(f"FROM {quoted(name)}" for name in first),
        *(f"ADAPTER {quoted(path)}" for path in modelfile.adapters),
        *(f"DRAFT {quoted(path)}" for path in modelfile.drafts),
        *(f"FROM {quoted(name)}" for name in rest),
        *(f"{key.upper()} {quoted(value)}" for key, value in singles.items() if value),
        *(
            f"PARAMETER {name} {quoted(value) if isinstance(value, str) else plain(value)}"
            for name, value in parameter_lines(modelfile.parameters)
        ),
        *(f"LICENSE {quoted(text)}" for text in modelfile.licenses),
        *(f"MESSAGE {message.role} {quoted(message.content)}" for message in modelfile.messages),
    ]
    return "\n".join(lines) + "\n"


def parameter_lines(parameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield options by name, one that is a list once for each of its values."""
    for name, value in sorted(parameters.items()):
        yield from ((name, item) for item in (value if isinstance(value, list) else [value]))


def quoted(text: str) -> str:
    """Write a value as the grammar reads it back: in quotes where it has lines or edges of its own.

    Text with three quotes at the end of a line that is not its last cannot be written at all; it is written as if it
    could.
    """
    if text and text == text.strip() and not text.startswith('"') and not _NEWLINE.search(text):
        return text
    single, triple = f'"{text}"', f'"""{text}"""'
    forms = (triple, single) if '"' in text or _NEWLINE.search(text) else (single, triple)
    return next((form for form in forms if _read_quoted(form, 0) == (text, len(form))), triple)


def is_version(text: str) -> bool:
    """Whether REQUIRES takes a text: semantic versioning, as Go's packages read it."""
    return bool(_SEMVER.fullmatch(text))


@dataclass(frozen=True, slots=True)
class _Instruction:
    """One line, or more. option: the name of a parameter, or the role of a message."""

    command: str
    option: str
    value: str
    line: int


def _decoded(content: bytes) -> str:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def _instructions(text: str) -> Iterator[_Instruction]:
    at = line = 0
    while (start := _end(_BETWEEN, text, at)) < len(text):
        line += len(_LINE_END.findall(text, at, start))
        command, option, value_at = _head(text, start, line + 1)
        value, at = _read_value(text, value_at)
        yield _Instruction(command, option, value, line + 1)
        line += len(_LINE_END.findall(text, start, at))


def _head(text: str, start: int, line: int) -> tuple[str, str, int]:
    """Read an instruction's name and what stands before its value: command, option, and where the value begins."""
    end = _end(_NAME, text, start)
    command = text[start:end].lower()
    if end == len(text):
        raise InvalidRequest("unexpected EOF")
    if text[end] not in " \t" or command not in (*_COMMANDS, "requires"):
        raise _error(line, _WRONG_COMMAND)
    if command not in {"parameter", "message"}:
        return command, "", end
    found = _OPTION.match(text, end)
    assert found is not None
    option, end = found[1], found.end()
    if command == "message" and option not in _ROLES:
        raise _error(line, _WRONG_ROLE)
    if end == len(text) or text[end] not in " \t":
        raise _error(line, f"unexpected EOF: {option}")
    return command, option, end


def _read_value(text: str, start: int) -> tuple[str, int]:
    """Read the value that begins somewhere after ``start``; the value, and where it has ended."""
    start = _end(_BLANKS, text, start)
    if text.startswith('"', start):
        if (read := _read_quoted(text, start)) is None:
            raise InvalidRequest("unexpected EOF")
        return read
    newline = _NEWLINE.search(text, start)
    end = newline.start() if newline else len(text)
    return text[start:end].strip(), end


def _read_quoted(text: str, start: int) -> tuple[str, int] | None:
    """Read what stands in the quotes that open at ``start``, and where it has ended; None where none close it."""
    quote = '"""' if text.startswith('"""', start) else '"'
    begin = start + len(quote)
    found = _CLOSING[quote].search(text, begin)
    return (text[begin : found.start()], found.end()) if found else None


def _with(modelfile: Modelfile, instruction: _Instruction) -> Modelfile:
    """Add one instruction: some gather, of the others the last one counts."""
    command, value = instruction.command, instruction.value
    if command == "parameter":
        return _with_parameter(modelfile, instruction)
    if command == "message":
        return replace(modelfile, messages=(*modelfile.messages, Message(instruction.option, value)))
    if command in _GATHERED:
        name = _GATHERED[command]
        return _replaced(modelfile, name, (*getattr(modelfile, name), *([value] if value else [])))
    if command == "requires":
        if not is_version(value):
            raise _error(instruction.line, "requires must be a valid semver (e.g. 0.14.0)")
        value = value.removeprefix("v")
    return _replaced(modelfile, command, value)


def _replaced(modelfile: Modelfile, name: str, value: str | tuple[str, ...]) -> Modelfile:
    return replace(modelfile, **{name: value})  # type: ignore[arg-type]  # the fields of a name are of its type


def _with_parameter(modelfile: Modelfile, instruction: _Instruction) -> Modelfile:
    name = instruction.option
    if name in _DEPRECATED:
        return replace(modelfile, deprecated=(*modelfile.deprecated, name))
    try:
        value = option_value(name, instruction.value)
    except ValueError as error:
        raise _error(instruction.line, str(error)) from error
    if isinstance(value, list):
        value = [*modelfile.parameters.get(name, ()), *value]
    return replace(modelfile, parameters={**modelfile.parameters, name: value})


def option_value(name: str, text: str) -> int | float | bool | list[str]:
    """Read an option's value, of the type that it has. Raises ValueError in Ollama's words."""
    match OPTION_TYPES.get(name):
        case "integer":
            if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
                raise ValueError(f"invalid int value [{text}]")
            return int(text)
        case "float32":
            return _float(text)
        case "boolean":
            if text not in _TRUE | _FALSE:
                raise ValueError(f"invalid bool value [{text}]")
            return text in _TRUE
        case "array":
            return [text]
        case _:
            raise ValueError(f"unknown parameter '{name}'")


def _float(text: str) -> float:
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        value = math.nan
    # Beside what is no number at all: JSON has neither infinity nor what is more than a float of 32 bits holds.
    if not abs(value) <= 3.4028235e38:
        raise ValueError(f"invalid float value [{text}]")
    return value


def plain(value: object) -> str:
    """Write a number or a truth as Go does: ``true``, and ``1`` for 1.0."""
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None
    return found.end()


def _error(line: int, message: str) -> InvalidRequest:
    return InvalidRequest(f"(line {line}): {message}")
