"""Makes small term spaces, prompts and labels for tests."""

import random
from collections.abc import Callable

from arriero.router.term_space import FORMAT, TermSpace, Viewer
from arriero.router.terms import CUE_NAMES

HARD = ("integral", "theorem", "matrix", "tensor", "proof")
EASY = ("weather", "hello", "cake", "music", "garden")
WORDS = (*HARD, *EASY)


def space(name: str = "small") -> TermSpace:
    """Two parts of two columns each, in which hard words lie on one side and easy ones on the other."""
    rows = [(100, 10 * at, 90, 0) for at in range(5)] + [(10 * at, 100, 0, 90) for at in range(5)]
    return TermSpace(
        format=FORMAT,
        name=name,
        words=" ".join(WORDS),
        rarity=bytes([48] * len(WORDS)),
        unlisted=6.0,
        vectors=b"".join(number.to_bytes(1, signed=True) for row in rows for number in row),
        steps=[0.01] * 4,
        widths=[2, 2],
        landmarks=[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]],
        cue_means=[0.0] * len(CUE_NAMES),
        cue_scales=[1.0] * len(CUE_NAMES),
    )


def viewer(leaning: Callable[[str], float] | None = None, name: str = "small") -> Viewer:
    return Viewer(space(name), leaning)


def labels(count: int, seed: int = 0) -> tuple[list[str], list[float]]:
    """Prompts of three hard or three easy words; the remote model is better on most of the hard ones."""
    dice = random.Random(seed)
    prompts, gains = [], []
    for at in range(count):
        is_hard = at % 2 == 0
        prompts.append(" ".join(dice.choices(HARD if is_hard else EASY, k=3)))
        gains.append(float(dice.random() < (0.8 if is_hard else 0.1)))
    return prompts, gains
