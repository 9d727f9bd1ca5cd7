"""Rules and shares as people write them: in the configuration file, and in Python."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from arriero.errors import ConfigError
from arriero.router.rules import Rule, RuleRoute


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    """A table: see ``Rule``. regex: a pattern."""

    route: RuleRoute
    name: str = ""
    keywords: tuple[str, ...] = ()
    regex: str | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    has_images: bool | None = None
    has_tools: bool | None = None
    keys: tuple[str, ...] = ()
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


# A table is whatever the user wrote until it has been checked here.
def read_rules(tables: Sequence[Rule | Mapping[str, Any]], place: str) -> tuple[Rule, ...]:
    """Rules, each a table or made already. Raises ConfigError for what makes no sense; place: where they stand."""
    return tuple(
        table if isinstance(table, Rule) else _read(table, number, f"{place}: rule {number}")
        for number, table in enumerate(tables, 1)
    )


def parse_share(value: float | str, place: str) -> float:
    """A share as people write it: 0.3, or 30%. Raises ConfigError."""
    if isinstance(value, float | int):
        return float(value)
    text = value.strip()
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise ConfigError(f"{place}: {value!r} is no share: write 0.3 or 30%") from error


# As in ``read_rules``.
def _read(table: Any, number: int, place: str) -> Rule:
    try:
        rule = msgspec.convert(table, _Rule)
    except msgspec.ValidationError as error:
        hint = f"; one of {', '.join(get_args(RuleRoute))}" if "$.route" in str(error) else ""
        raise ConfigError(f"{place}: {error}{hint}") from error
    try:
        pattern = re.compile(rule.regex) if rule.regex is not None else None
    except re.error as error:
        raise ConfigError(f"{place}: the regex cannot be read: {error}") from error
    if not all(word.strip() for word in rule.keywords):
        raise ConfigError(f"{place} has an empty keyword")
    name = rule.name or f"rule {number}"
    conditions = (rule.keywords, pattern, rule.keys, rule.metadata)
    limits = (rule.min_chars, rule.max_chars, rule.has_images, rule.has_tools)
    if not any(conditions) and all(limit is None for limit in limits):
        raise ConfigError(f"{place} says of no request that it fits: give keywords, a regex or another condition")
    return Rule(
        name,
        rule.route,
        rule.keywords,
        pattern,
        rule.min_chars,
        rule.max_chars,
        rule.has_images,
        rule.has_tools,
        rule.keys,
        rule.metadata,
    )
