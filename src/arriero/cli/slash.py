"""What a line that is typed asks for: a pure reading of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Part = Literal["info", "license", "modelfile", "parameters", "system", "template"]
PARTS: tuple[Part, ...] = ("info", "license", "modelfile", "parameters", "system", "template")
_QUOTES = '"""'
_OPENING = re.compile(rf"(/set\s+system\s+)?{_QUOTES}")


@dataclass(frozen=True, slots=True)
class Say:
    """Something for the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Bye:
    """The end of the session."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget what has been said."""


@dataclass(frozen=True, slots=True)
class Models:
    """The list of models."""


@dataclass(frozen=True, slots=True)
class Help:
    """How something is used; "": everything."""

    topic: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """Another model."""

    model: str


@dataclass(frozen=True, slots=True)
class Save:
    """The session as a model."""

    name: str


@dataclass(frozen=True, slots=True)
class Show:
    """Something about the model."""

    part: Part


@dataclass(frozen=True, slots=True)
class Set:
    """A change to the session: what, and the rest of the line."""

    what: str
    argument: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command that nobody knows, or one without what it needs."""

    text: str


Command = Say | Bye | Clear | Models | Help | Load | Save | Show | Set | Mistake


def is_open(text: str) -> bool:
    """Whether a text began with three quotes, for itself or as a system prompt, and has not ended with three."""
    found = _OPENING.match(text)
    return found is not None and not text[found.end() :].rstrip().endswith(_QUOTES)


def unquoted(text: str) -> str:
    """A text without the three quotes around it."""
    stripped = text.strip()
    return stripped.removeprefix(_QUOTES).removesuffix(_QUOTES) if stripped.startswith(_QUOTES) else text


def parse(text: str) -> Command:
    """Read what was typed, all lines of it."""
    if not text.startswith("/"):
        return Say(unquoted(text))
    word, argument = _first_word(text)
    reader = _READERS.get(word)
    return reader(argument) if reader else Mistake(f"Unknown command '{word}'. Type /? for help")


def _first_word(text: str) -> tuple[str, str]:
    word, *rest = text.split(maxsplit=1) or [""]
    return word, "".join(rest).strip()


def _load(argument: str) -> Command:
    return Load(argument) if argument else Mistake("Usage:\n  /load <model>")


def _save(argument: str) -> Command:
    return Save(argument) if argument else Mistake("Usage:\n  /save <model>")


def _set(argument: str) -> Command:
    what, value = _first_word(argument)
    return Set(what, value) if what else Help("set")


def _show(argument: str) -> Command:
    if not argument:
        return Help("show")
    part = next((part for part in PARTS if part == argument), None)
    return Show(part) if part else Mistake(f"Unknown command '/show {argument}'. Type /? for help")


_READERS: dict[str, Callable[[str], Command]] = {
    "/bye": lambda _: Bye(),
    "/exit": lambda _: Bye(),
    "/clear": lambda _: Clear(),
    "/list": lambda _: Models(),
    "/ls": lambda _: Models(),
    "/?": lambda argument: Help(argument.removeprefix("/")),
    "/help": lambda argument: Help(argument.removeprefix("/")),
    "/load": _load,
    "/save": _save,
    "/show": _show,
    "/set": _set,
}
