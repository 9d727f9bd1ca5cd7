"""What SGLang or vLLM is started with: what the user sets here, and flags that are theirs alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

OwnServerKind = Literal["sglang", "vllm"]


@dataclass(frozen=True, slots=True)
class PassedFlags:
    """Flags that are an engine's own business: they reach it as they were given."""

    arguments: tuple[str, ...] = ()

    def has(self, *names: str) -> bool:
        """Whether one of these flags was given, with ``-`` or ``_`` between its words, as both engines take them."""
        return any(_name(argument) in names for argument in self.arguments)

    def value(self, name: str) -> str:
        """What a flag was given; "" where it was not. The last one counts."""
        found = ""
        for argument, following in pairwise((*self.arguments, "")):
            if _name(argument) == name:
                found = argument.partition("=")[2] if "=" in argument else following
        return found


@dataclass(frozen=True, slots=True)
class OwnServerSettings:
    """How SGLang or vLLM is started.

    python: the interpreter that can import it. served_name: what it calls its model. passed: the user's flags for it,
    which come last, and so win. context, slots, chat_template (a file, or a name that the engine knows), seed: None
    leaves them to the engine. environment: variables on top of this server's own.
    """

    kind: OwnServerKind
    python: str
    served_name: str
    passed: PassedFlags = PassedFlags()
    context: int | None = None
    slots: int | None = None
    chat_template: str | None = None
    seed: int | None = None
    log_level: str = "info"
    environment: Mapping[str, str] = field(default_factory=dict)


def flag_words(flags: Mapping[str, object]) -> list[str]:
    """Flags with their values as words of a command line; without those whose value is None."""
    return [word for name, value in flags.items() if value is not None for word in (name, str(value))]


def _name(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    return argument.partition("=")[0].replace("_", "-")
