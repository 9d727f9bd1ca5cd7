"""What ``arriero show`` prints of a model."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from arriero.cli.show_answer import Shown
from arriero.cli.tables import aligned
from arriero.cli.units import count_text

_FIRST_LINES = 2
_PARAMETER = re.compile(r"(\S+)\s+(.*)")


def show_text(model: Shown, *, verbose: bool = False) -> str:
    """The sections of a model, those that have anything in them."""
    sections: list[tuple[str, Sequence[Sequence[str]]]] = [
        ("Model", _model_rows(model)),
        ("Projector", _projector_rows(model)),
        ("Capabilities", [(name,) for name in model.capabilities]),
        ("Parameters", parameter_rows(model.parameters)),
        ("System", _first_lines(model.system)),
        ("License", _first_lines(model.license)),
    ]
    if verbose:
        sections.insert(4, ("Metadata", [(key, _value_text(value)) for key, value in sorted(model.model_info.items())]))
        sections.insert(5, ("Tensors", [(each.name, each.type, str(each.shape)) for each in model.tensors]))
    return "\n".join(f"  {title}\n{aligned(rows, '    ')}\n" for title, rows in sections if rows)


def parameter_rows(parameters: str) -> list[tuple[str, str]]:
    """Names and values of the text of parameters, a line each."""
    return [(found[1], found[2]) for line in parameters.splitlines() if (found := _PARAMETER.match(line))]


def _model_rows(model: Shown) -> list[tuple[str, str]]:
    info = model.model_info
    architecture = str(info.get("general.architecture", ""))
    size = model.details.parameter_size
    if not size and isinstance(count := info.get("general.parameter_count"), int | float):
        size = count_text(int(count))
    return _filled(
        ("remote model", model.remote_model),
        ("remote URL", model.remote_host),
        ("architecture", architecture),
        ("parameters", size),
        ("context length", _number(info.get(f"{architecture}.context_length"))),
        ("embedding length", _number(info.get(f"{architecture}.embedding_length"))),
        ("quantization", model.details.quantization_level),
        ("requires", model.requires),
    )


def _projector_rows(model: Shown) -> list[tuple[str, str]]:
    info = model.projector_info
    architecture = str(info.get("general.architecture", ""))
    if not info:
        return []
    count = info.get("general.parameter_count")
    return _filled(
        ("architecture", architecture),
        ("parameters", count_text(int(count)) if isinstance(count, int | float) else ""),
        ("embedding length", _number(info.get(f"{architecture}.vision.embedding_length"))),
        ("dimensions", _number(info.get(f"{architecture}.vision.projection_dim"))),
    )


def _filled(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    return [row for row in rows if row[1]]


# A value of metadata is whatever JSON the file's writer meant.
def _number(value: Any) -> str:
    return str(int(value)) if isinstance(value, int | float) else ""


def _value_text(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:3]))
        return f"[{shown}, ...] ({len(value)})" if len(value) > 3 else f"[{shown}]"
    return _one_line(str(value))


def _first_lines(text: str) -> list[tuple[str]]:
    lines = text.strip().splitlines()
    more: Iterable[str] = ["..."] if len(lines) > _FIRST_LINES else []
    return [(line.strip(),) for line in [*lines[:_FIRST_LINES], *more]]


def _one_line(text: str) -> str:
    first, _, rest = text.partition("\n")
    return f"{first} ..." if rest else first
