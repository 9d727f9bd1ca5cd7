"""The part of Go's template language that a request's own ``template`` may use.

``{{ .System }}``, ``.Prompt``, ``.Suffix`` and ``.Response``; ``{{ if .X }} … {{ else }} … {{ end }}``; ``{{-`` and
``-}}``, which eat the white space beside them; ``{{/* a comment */}}``. Whole conversations are rendered by the
model's own Jinja template, in the engine. Pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from arriero.errors import InvalidRequest

VARIABLES = ("System", "Prompt", "Suffix", "Response")

_ACTION = re.compile(r"\{\{(-(?=\s))?((?:(?!\}\}).)*?)((?<=\s)-)?\}\}", re.DOTALL)
_COMMENT = re.compile(r"/\*.*\*/", re.DOTALL)
_VARIABLE = re.compile(r"\.(\w+)")
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"|`([^`]*)`')


@dataclass(slots=True)
class _If:
    """A condition, and what stands for either case."""

    variable: str
    yes: "list[_Node]" = field(default_factory=list)
    no: "list[_Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str


_Node = str | _Variable | _If


def render_template(template: str, values: Mapping[str, str]) -> str:
    """The text that a template makes of these values, up to where the answer belongs.

    values: by the names in ``VARIABLES``, without ``Response``. A template that does not say where the answer belongs
    has it at its end. Raises InvalidRequest, with the construct, for what is beyond this part of the language.
    """
    pieces: list[str] = []
    for piece in _rendered(_parse(template), values):
        if piece is None:
            break
        pieces.append(piece)
    return "".join(pieces)


def _rendered(nodes: Sequence[_Node], values: Mapping[str, str]) -> Iterator[str | None]:
    """Pieces of text; None where the answer belongs."""
    for node in nodes:
        if isinstance(node, str):
            yield node
        elif isinstance(node, _Variable):
            yield None if node.name == "Response" else values.get(node.name, "")
        else:
            yield from _rendered(node.yes if values.get(node.variable) else node.no, values)


def _parse(template: str) -> list[_Node]:
    root: list[_Node] = []
    stack: list[tuple[_If, list[_Node]]] = []
    here = root
    for token in _tokens(template):
        if isinstance(token, str):
            here.append(token)
            continue
        action = token.text
        if match := _VARIABLE.fullmatch(action):
            here.append(_Variable(_known(match[1], action)))
        elif literal := _LITERAL.fullmatch(action):
            here.append(_text_of(literal))
        elif action.startswith("if ") and (match := _VARIABLE.fullmatch(action[3:].strip())):
            node = _If(_known(match[1], action))
            here.append(node)
            stack.append((node, here))
            here = node.yes
        elif action == "else" and stack and here is stack[-1][0].yes:
            here = stack[-1][0].no
        elif action == "end" and stack:
            here = stack.pop()[1]
        else:
            raise _refusal(action)
    if stack:
        raise InvalidRequest("template: unexpected EOF: an {{ if }} has no {{ end }}")
    return root


@dataclass(frozen=True, slots=True)
class _Action:
    text: str


def _tokens(template: str) -> Iterator[str | _Action]:
    at, is_trimming = 0, False
    for match in _ACTION.finditer(template):
        text = template[at : match.start()]
        text = text.lstrip() if is_trimming else text
        if text := text.rstrip() if match[1] else text:
            yield text
        action = match[2].strip()
        if not _COMMENT.fullmatch(action):
            yield _Action(action)
        at, is_trimming = match.end(), bool(match[3])
    rest = template[at:].lstrip() if is_trimming else template[at:]
    if "{{" in rest:
        raise InvalidRequest("template: unclosed action: a {{ has no }}")
    if rest:
        yield rest


def _known(name: str, action: str) -> str:
    if name not in VARIABLES:
        raise _refusal(action)
    return name


def _text_of(literal: re.Match[str]) -> str:
    if literal[2] is not None:
        return literal[2]
    return re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t", "r": "\r"}.get(escape[1], escape[1]), literal[1])


def _refusal(action: str) -> InvalidRequest:
    return InvalidRequest(
        f"template: {{{{ {action} }}}} is not supported: use .System, .Prompt, .Suffix, .Response, if, else and end; "
        "or leave the template out, and the model's own is used"
    )
