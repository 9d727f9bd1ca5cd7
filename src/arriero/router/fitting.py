"""Fits a scorer to labels: ridge regression of the gain on the words, cues and subjects of a text.

The gain of a prompt is how much better the remote model's answer was than the local one's, -1 to 1. Few labels say
little about words that no label has, so the words' places in the term space say what they have in common, and the
result leans on what is thought of a text without any label where that helps. Needs scikit-learn, to fit only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from math import exp, sqrt
from typing import TYPE_CHECKING

from msgspec import Struct

from arriero.errors import ConfigError
from arriero.router.calibration import fit_platt
from arriero.router.fitted import FORMAT, FittedModel
from arriero.router.term_space import WIDTH, Seen, TermSpace, Viewer, shipped

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

FEWEST_LABELS = 20
# Of more labels, this many are taken at random: time grows with the cube of them.
MOST_LABELS = 8000
SEED = 0
# Scores that say nothing of the outcome still order the prompts: else no share of them could be sent.
_LEAST_SLOPE = 0.05


class Recipe(Struct, frozen=True):
    """How much each of the things that are seen of a text may tell, as variances.

    noise: the variance of a label, in the same unit. known_lean: the gain that goes with one unit of leaning, as it is
    held to be before any label is seen. Choosing the two by leaving labels out, or by the evidence for them, orders
    other prompts no better than to hold them fixed: what a label says is mostly noise.
    """

    terms: float = 2.0
    cues: float = 0.5
    nearness: tuple[float, ...] = (1.0, 1.0)
    lean: float = 1.0
    noise: float = 100.0
    known_lean: float = 0.05


def fit(prompts: list[str], gains: list[float]) -> Callable[[list[str]], list[float]]:
    """Fit a model, and return what gives each of some prompts its gain by it."""
    return fit_in(shipped(), prompts, gains)


def fit_in(viewer: Viewer, prompts: list[str], gains: list[float]) -> Callable[[list[str]], list[float]]:
    """Do so in a space other than the shipped one."""
    model = fit_model(prompts, gains, prior=viewer)
    return lambda asked: [model.gain_of(viewer.look(text)) for text in asked]


def fit_model(
    prompts: Sequence[str], gains: Sequence[float], *, prior: Viewer | None = None, recipe: Recipe | None = None
) -> FittedModel:
    """Return the weights. prior: what is known before any label, the shipped space unless told otherwise.

    Raises ConfigError where scikit-learn is missing, or where the labels are too few or all the same.
    """
    if not _is_installed("sklearn"):
        raise ConfigError("to fit a router needs scikit-learn: pip install 'arriero[fit]'")
    if len(prompts) != len(gains):
        raise ConfigError(f"there are {len(prompts)} prompts and {len(gains)} gains: give one for each.")
    if len(prompts) < FEWEST_LABELS:
        raise ConfigError(f"{len(prompts)} labels are too few to learn from: give {FEWEST_LABELS} or more.")
    if min(gains) == max(gains):
        raise ConfigError("all labels are the same: give some of prompts where the remote model is no better, too.")
    viewer = prior or shipped()
    kept = _some(len(prompts), MOST_LABELS)
    seen = [viewer.look(prompts[at]) for at in kept]
    return _fitted(seen, [float(gains[at]) for at in kept], viewer, recipe or Recipe())


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # it is in sys.modules, and not as a module
        return False


def _some(count: int, most: int) -> list[int]:
    import numpy as np

    if count <= most:
        return list(range(count))
    return [int(at) for at in np.random.default_rng(SEED).choice(count, most, replace=False)]


def _fitted(seen: list[Seen], gains: list[float], viewer: Viewer, recipe: Recipe) -> FittedModel:
    import numpy as np
    from sklearn.feature_extraction import DictVectorizer

    vectorizer = DictVectorizer(dtype=np.float64)
    terms = vectorizer.fit_transform([each.terms for each in seen])
    basis = _basis(viewer.space, recipe)
    dense = np.array([_dense(each) for each in seen]) @ basis
    centre = dense.mean(axis=0)
    dense -= centre
    mean = float(np.mean(gains))
    lean = np.array([each.lean for each in seen])
    kernel = recipe.terms * (terms @ terms.T).toarray() + dense @ dense.T
    known = mean + recipe.known_lean * lean
    dual, held_out = _solved(_inverse(kernel, recipe.noise), known, np.array(gains))
    by_term = recipe.terms * (terms.T @ dual)
    by_place = dense.T @ dual
    cues, *nearness, lean_weight = np.split(basis @ by_place, _starts(viewer.space))
    slope, offset = _calibrated(held_out, gains)
    return FittedModel(
        format=FORMAT,
        space=viewer.space.name,
        terms={name: _short(by_term[at]) for name, at in sorted(vectorizer.vocabulary_.items())},
        cues=list(map(_short, cues)),
        nearness=[list(map(_short, part)) for part in nearness],
        lean=_short(recipe.known_lean + float(lean_weight[0])),
        gain=_short(mean - float(centre @ by_place)),
        slope=_short(slope),
        offset=_short(offset),
        labels=len(gains),
    )


def _dense(seen: Seen) -> list[float]:
    return [*seen.cues, *(near for part in seen.nearness for near in part), seen.lean]


def _starts(space: TermSpace) -> list[int]:
    """Where in what `_dense` returns the parts of the nearness start, and the lean."""
    starts = [len(space.cue_means)]
    for part in space.landmarks:
        starts.append(starts[-1] + len(part))
    return starts


def _basis(space: TermSpace, recipe: Recipe) -> Numbers:
    """Return the matrix after which every number is worth its variance, and landmarks near one another count as one."""
    import numpy as np
    from scipy.linalg import block_diag

    count = len(space.cue_means)
    apart = [
        sqrt(variance) * _inverse_root(np.exp((2 * np.array(part) @ np.array(part).T - 2) / WIDTH))
        for variance, part in zip(recipe.nearness, space.landmarks, strict=True)
    ]
    basis: Numbers = block_diag(sqrt(recipe.cues / count) * np.eye(count), *apart, [[sqrt(recipe.lean)]])
    return basis


def _inverse_root(kernel: Numbers) -> Numbers:
    import numpy as np

    values, vectors = np.linalg.eigh(kernel)
    root: Numbers = (vectors / np.sqrt(np.maximum(values, 1e-3))) @ vectors.T
    return root


def _inverse(kernel: Numbers, noise: float) -> Numbers:
    import numpy as np

    return np.asarray(np.linalg.inv(kernel + noise * np.eye(len(kernel))), dtype=np.float64)


def _solved(inverse: Numbers, known: Numbers, gains: Numbers) -> tuple[Numbers, Numbers]:
    """Return the weights of the labels, and what each prompt would have got had its label not been seen."""
    dual: Numbers = inverse @ (gains - known)
    return dual, gains - dual / inverse.diagonal()


def _calibrated(scores: Numbers, gains: Sequence[float]) -> tuple[float, float]:
    """Return the slope and the offset that make of a gain how likely it is that the remote model is better."""
    spread = float(scores.std()) or 1.0
    centre = float(scores.mean())
    line = fit_platt([1 / (1 + exp(-(score - centre) / spread)) for score in scores], [gain > 0 for gain in gains])
    slope = max(line.a, _LEAST_SLOPE) / spread
    return slope, line.b - slope * centre


def _short(number: float) -> float:
    return float(f"{number:.5g}")
