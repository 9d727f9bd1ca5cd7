"""What the words of known judges are worth. Pure.

Each model leans to one of the labels, and by an amount of its own. The lines were fitted on one half of a set of
requests of known kind, and measured on the other (``benchmarks.routing.judge``).
"""

import re

from arriero.router.calibration import Platt

# By what the names of a model have in common, wherever it comes from.
_KNOWN = (
    (re.compile(r"smollm2\b.*\b135m"), Platt(5.72, 1.43)),
    (re.compile(r"qwen-?2\.5-?coder\b.*\b0\.5b"), Platt(2.39, -1.40)),
    (re.compile(r"gemma-?3\b.*\b270m"), Platt(4.66, 1.02)),
)
# Fitted to all of them together: most small models are less sure than they may be.
_UNKNOWN = Platt(2.87, 0.14)


def calibration_for(model: str) -> Platt:
    """The calibration of a judge by its name, whoever serves it; of any other, one that suits those that are known."""
    return next((line for known, line in _KNOWN if known.search(model.lower())), _UNKNOWN)
