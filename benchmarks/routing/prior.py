"""What is held to be true of each feature before any outcome is seen: does it speak for the strong model, and how much?

In units of a feature's standard deviation, in proportion to each other only; what is not named is held to say nothing.
Most of this is about kinds of request that no recorded outcome is about: greetings, look-ups, proofs, other languages.
It was written by hand, and sizes were mended with an eye on how features go with gains in several sources at once; so
figures for a source that is left out are blind to its outcomes in all but this.
"""

import numpy as np

from arriero.router.features import FEATURE_NAMES
from benchmarks.routing.sources import Floats

PRIOR = {
    # How much is asked.
    "log_bytes": 0.9,
    "is_tiny": -0.5,
    "log_sentences": 0.6,
    "log_sentence_words": 0.4,
    "log_lines": 0.1,
    "commas": 0.1,
    # In what words.
    "rare_words": 0.4,
    "word_chars": -0.1,
    "loud_words": 0.1,
    "non_ascii": 0.3,
    "foreign_words": 0.3,
    # With what numbers, formulas and code.
    "log_numbers": 0.6,
    "number_word": 0.2,
    "operators": 0.3,
    "latex": 0.4,
    "code": 0.5,
    "brackets": 0.2,
    "money_signs": 0.1,
    # How the parts of it hang together.
    "formal": 0.5,
    "condition": 0.5,
    "constraint": 0.3,
    "sequence": 0.3,
    "place": 0.3,
    "compare": 0.2,
    "quantifier": 0.2,
    "negation": 0.1,
    # What is to be done.
    "prove": 0.6,
    "reason": 0.3,
    "compute": 0.3,
    "make": 0.1,
    "explain": -0.1,
    "look_up": -0.3,
    "ask_what": -0.3,
    "ask_why": -0.1,
    "asks_at_end": -0.1,
    # What it is about.
    "maths": 0.4,
    "physics": 0.4,
    "computing": 0.4,
    "chemistry": 0.3,
    "unit": 0.2,
    "money": 0.2,
    "economics": 0.1,
    "law": 0.1,
    "past": -0.1,
    "mind": -0.2,
    "everyday": -0.2,
    "you": -0.2,
    "greeting": -0.4,
    "command": -0.5,
}


def prior_weights() -> Floats:
    """Return the prior in the order of the features."""
    assert PRIOR.keys() <= set(FEATURE_NAMES), PRIOR.keys() - set(FEATURE_NAMES)
    return np.array([PRIOR.get(name, 0.0) for name in FEATURE_NAMES])
