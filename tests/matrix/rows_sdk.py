"""Rows of official clients: the scenarios of ``tests/sdk``, a feature a row."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby

import anthropic
import openai
import pytest

from tests.engines_live.fault import first_line
from tests.engines_live.subject import Subject
from tests.matrix.bench import Bench, CannotBeTold
from tests.matrix.row import Row
from tests.sdk.every import SCENARIOS
from tests.sdk.interruptions import LEFT
from tests.sdk.javascript import CLIENTS, CannotInstall, JavaScript, play
from tests.sdk.scenario import Part, Scenario, Served

# What clients raise, and what pytest raises where they do not.
_FAILED = (openai.OpenAIError, anthropic.AnthropicError, pytest.fail.Exception)


def served(subject: Subject) -> Served:
    """A server of the bench, as scenarios know it."""
    return Served(subject.url, subject.model)


def of_feature(played: Sequence[Scenario]) -> Callable[[Bench], str]:
    """A check that plays scenarios."""

    def check(bench: Bench) -> str:
        subjects: dict[Part, Subject] = {"plain": bench.plain, "able": bench.thinking}
        measured = [_played(each, served(subjects[each.part])) for each in played]
        return "; ".join(each.claim for each in played) if len(played) > 1 else measured[0]

    return check


def _played(scenario: Scenario, on: Served) -> str:
    try:
        return asyncio.run(scenario.play(on))
    except AssertionError as error:
        raise AssertionError(f"{scenario.claim}: {first_line(error)}") from None
    except _FAILED as error:
        reason = str(error).partition("\n")[0]
        raise AssertionError(f"{scenario.claim}: {type(error).__name__}: {reason}") from None


def of_javascript(client: JavaScript, feature: str) -> Callable[[Bench], str]:
    """A check that plays a feature's tests of a client for JavaScript."""

    def check(bench: Bench) -> str:
        try:
            return play(client, served(bench.plain), served(bench.thinking), feature)
        except CannotInstall as reason:
            raise CannotBeTold(str(reason)) from None

    return check


def disconnect(bench: Bench) -> str:
    for left in LEFT:
        try:
            asyncio.run(left(served(bench.plain), bench.is_busy))
        except TimeoutError:
            raise AssertionError(f"{left.__name__.replace('_', ' ')}: the engine goes on") from None
    return "; ".join(left.__name__.replace("_", " ") for left in LEFT)


# Those for models that the bench has.
_HERE = [each for each in SCENARIOS if each.part in {"plain", "able"}]
SDKS = (
    *(
        Row(f"{sdk}: {feature}", of_feature(tuple(played)))
        for (sdk, feature), played in groupby(_HERE, lambda each: (each.sdk, each.feature))
    ),
    *(
        Row(f"{client.sdk}: {feature}", of_javascript(client, feature))
        for client in CLIENTS
        for feature in client.features
    ),
    Row("openai and anthropic for Python: disconnect", disconnect),
)
