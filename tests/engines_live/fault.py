"""What a fault is, and how it is looked for in a server that runs elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import httpx

from tests.contract.claims_metadata import METADATA
from tests.contract.claims_output import OUTPUT
from tests.contract.claims_requests import REQUESTS
from tests.engines_live.subject import Subject

# "thinking": an engine with a template, sampling defaults and a way of streaming that are not the usual ones.
# "templated": one with a chat template of its own, chosen by name.
# "embedding": one that makes vectors, and no text.
Stage = Literal["plain", "thinking", "templated", "embedding"]

_TEXTS = {claim.number: claim.text for claim in (*OUTPUT, *REQUESTS, *METADATA)}


@dataclass(frozen=True, slots=True)
class Fault:
    """Whether fault ``number`` of the audit is in a server.

    find: says what was measured where it is not, and raises where it is. stage: the engine that shows it.
    """

    number: int
    find: Callable[[Subject], str]
    stage: Stage = "plain"

    @property
    def claim(self) -> str:
        """What holds where the fault is not; the words are those of the tests with fake engines."""
        return _TEXTS[self.number]


@dataclass(frozen=True, slots=True)
class Finding:
    """is_there: whether the fault was seen. measured: what was seen."""

    is_there: bool
    measured: str


def look(fault: Fault, subject: Subject) -> Finding:
    """Look for a fault."""
    try:
        return Finding(is_there=False, measured=fault.find(subject))
    except AssertionError as error:
        return Finding(is_there=True, measured=first_line(error))
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        return Finding(is_there=True, measured=f"{type(error).__name__}: {first_line(error)}")


def first_line(error: Exception) -> str:
    """What an error says, in a line."""
    return str(error).partition("\n")[0].strip() or type(error).__name__


def all_of(parts: Mapping[str, Callable[[], object]]) -> str:
    """Look at each part of a fault, so that one that is there hides no other."""
    there: list[str] = []
    absent: list[str] = []
    for name, find in parts.items():
        try:
            measured = find()
        except AssertionError as error:
            there.append(f"{name}: {first_line(error)}")
        else:
            absent.append(name if measured is None else f"{name}: {measured}")
    assert not there, "; ".join(there) + (f"; not there: {'; '.join(absent)}" if absent else "")
    return "; ".join(absent)
