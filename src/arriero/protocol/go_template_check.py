"""Tells a template of Go's that could never be rendered from one that could. Pure."""

import re

from arriero.errors import InvalidRequest

_OPENING = re.compile(r"\{\{(?:-(?=\s))?")
# A comment, or words, in which braces may stand in quotes.
_ACTION = re.compile(
    r"""(?:\s*/\*.*?\*/\s*-?|(?P<words>(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])*'|(?!\}\})[^"`'])*))\}\}""",
    re.DOTALL,
)
_BLOCKS = frozenset({"if", "with", "range", "block", "define"})


def check_template(template: str) -> None:
    """Raise InvalidRequest, in Ollama's words, where braces or blocks do not match, or a block says not of what.

    Functions, variables and types are not looked at.
    """
    open_blocks = at = 0
    while opening := _OPENING.search(template, at):
        action = _ACTION.match(template, opening.end())
        if action is None:
            raise _error(template, opening.start(), "unclosed action")
        word, *rest = (action["words"] or "").removesuffix("-").split() or [""]
        if word in _BLOCKS and not rest:
            raise _error(template, opening.start(), f"missing value for {word}")
        if word in {"end", "else"} and not open_blocks:
            raise _error(template, opening.start(), f"unexpected {{{{{word}}}}}")
        open_blocks += (word in _BLOCKS) - (word == "end")
        at = action.end()
    if open_blocks:
        raise _error(template, len(template), "unexpected EOF")


def _error(template: str, at: int, reason: str) -> InvalidRequest:
    return InvalidRequest(f"template error: template: :{template.count(chr(10), 0, at) + 1}: {reason}")
