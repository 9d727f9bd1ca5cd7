"""Scorers of other packages, found by their entry points."""

import inspect
import math
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import entry_points
from typing import Any

from arriero.errors import ConfigError
from arriero.router.scoring import ScorerFailed
from arriero.router.subject import Subject
from arriero.types.routing import Score

GROUP = "arriero.scorers"
# Takes what is asked; the probability that the remote model is worth it.
Callback = Callable[[str], float | Awaitable[float]]


class CallableScorer:
    """Any function of a prompt, plain or asynchronous, as a scorer (see ``Scorer``). A plain one must be quick."""

    def __init__(self, name: str, function: Callback) -> None:
        self.name = name
        self._function = function

    async def score(self, subject: Subject) -> Score:
        """What the function says. Raises ScorerFailed where it raises, or says no number between 0 and 1."""
        began_ns = time.perf_counter_ns()
        try:
            told = self._function(subject.text)
            probability = float(await told if inspect.isawaitable(told) else told)
        except Exception as error:  # it is somebody else's, and may raise anything
            raise ScorerFailed(f"the scorer {self.name} has failed: {error!r}", "failed") from error
        if not (math.isfinite(probability) and 0 <= probability <= 1):
            raise ScorerFailed(f"the scorer {self.name} says {probability}, not a number from 0 to 1", "failed")
        return Score(probability, self.name, (time.perf_counter_ns() - began_ns) / 1e6)


def load_scorer(name: str) -> CallableScorer:
    """The scorer of an entry point of the group ``arriero.scorers``. Raises ConfigError where there is none."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted({"cascade", "judge", "linear", "fitted", "stack", *found}))
        raise ConfigError(f"no scorer is called {name!r}; there are: {known}")
    try:
        # Whatever the package has put there.
        function: Any = found[name].load()
    except Exception as error:
        raise ConfigError(f"the scorer {name!r} cannot be loaded: {error!r}") from error
    if not callable(function):
        raise ConfigError(f"the scorer {name!r} is no function: {function!r}")
    return CallableScorer(name, function)
