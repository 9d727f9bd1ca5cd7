"""A row of the table: one thing that a client does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx
import ollama

from tests.engines_live.fault import first_line
from tests.matrix.bench import Bench, CannotBeTold

Verdict = Literal["yes", "no", "not told"]


@dataclass(frozen=True, slots=True)
class Row:
    """check: says what was measured where it is as it should be, and raises where not."""

    name: str
    check: Callable[[Bench], str]


@dataclass(frozen=True, slots=True)
class Cell:
    """Whether it is so, and what was measured, or why not."""

    verdict: Verdict
    measured: str


def look(row: Row, bench: Bench) -> Cell:
    """Fill a cell."""
    try:
        return Cell("yes", row.check(bench))
    except CannotBeTold as reason:
        return Cell("not told", str(reason))
    except AssertionError as error:
        return Cell("no", first_line(error))
    except (httpx.HTTPError, ollama.ResponseError, ConnectionError, LookupError, TypeError, ValueError) as error:
        return Cell("no", f"{type(error).__name__}: {first_line(error)}")
