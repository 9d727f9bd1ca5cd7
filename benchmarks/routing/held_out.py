"""Scores of prompts by models that have seen nothing of their kind, and what they are worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.routing.ridge import Choice, Moments, Scale, fit, moments_of
from benchmarks.routing.sources import Floats, Source

CHOICES = tuple(Choice(hold, size) for hold in (0.3, 1.0, 3.0, 10.0) for size in (0.1, 0.2, 0.4))

# Subjects that are left out together, by what their names contain; the first that fits counts.
_SUBJECTS = {
    "law": "law jurispr",
    "mathematics": "math algebra statist econometrics formal_logic",
    "physics, chemistry": "physics chemis engineering astronomy",
    "computing": "computer machine",
    "medicine, biology": "biolog medic anatomy clinical nutrition virology genetics health aging sexual",
    "economy": "econom business account marketing management public_rel",
    "humanities": "moral philos history relig fallac government policy security geograph global",
    "psychology": "psych sociol",
    "miscellaneous": "",
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that is learned from: the features of each source by its name, and what they are measured in."""

    sources: Sequence[Source]
    features: Mapping[str, Floats]
    scale: Scale
    prior: Floats
    moments: Mapping[str, Moments]

    def weights(self, choice: Choice, without: Iterable[str] = ()) -> Floats:
        """Learn from all families but some."""
        families = set(without)
        parts = {source.name: self.moments[source.name] for source in self.sources if source.family not in families}
        return fit(parts, self.prior, choice)

    def scores(self, name: str, weights: Floats) -> Floats:
        """Return the score of each prompt of a source."""
        return np.asarray((self.features[name] - self.scale.mean) / self.scale.deviation @ weights, dtype=float)


def choose(lesson: Lesson, without: Sequence[str] = ()) -> Choice:
    """Return the choice that is best on families that are left out in turn; without: those that it must not see.

    Best in the mean APGR, in which a source counts by the root of its size.
    """
    inner = {source.family for source in lesson.sources} - {*without, "provenance"}

    def worth(choice: Choice) -> float:
        found, sizes = [], []
        for family in sorted(inner):
            weights = lesson.weights(choice, [*without, family])
            for source in (source for source in lesson.sources if source.family == family):
                found.append(apgr(lesson.scores(source.name, weights), source.gains))
                sizes.append(np.sqrt(len(source.gains)))
        return float(np.average(found, weights=sizes))

    return max(CHOICES, key=worth)


def without_family(lesson: Lesson) -> tuple[dict[str, Floats], dict[str, Choice]]:
    """Score each source by weights and a choice that know nothing of its family; also return the choices."""
    choices = {family: choose(lesson, [family]) for family in dict.fromkeys(source.family for source in lesson.sources)}
    weights = {family: lesson.weights(choice, [family]) for family, choice in choices.items()}
    scores = {source.name: lesson.scores(source.name, weights[source.family]) for source in lesson.sources}
    return scores, choices


def without_subject(lesson: Lesson, choice: Choice) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Score the sources of knowledge by weights that know nothing of a prompt's group of subjects.

    Also returns the place of each prompt's group. choice: one that has seen nothing of these sources.
    """
    known = [source for source in lesson.sources if source.family == "knowledge"]
    groups = {source.name: np.array([_group_of(kind) for kind in source.kinds], dtype=float) for source in known}
    scores = {source.name: np.zeros(len(source.gains)) for source in known}
    for group in range(len(_SUBJECTS)):
        kinds = [kind for source in known for kind in np.unique(source.kinds) if _group_of(str(kind)) == group]
        parts = dict(lesson.moments)
        for source in known:
            parts[source.name] = moments_of(source, lesson.features[source.name], lesson.scale, kinds)
        weights = fit(parts, lesson.prior, choice)
        for source in known:
            is_out = groups[source.name] == group
            scores[source.name][is_out] = lesson.scores(source.name, weights)[is_out]
    return scores, groups


def _group_of(kind: str) -> int:
    found = (place for place, parts in enumerate(_SUBJECTS.values()) if any(part in kind for part in parts.split()))
    return next(found, len(_SUBJECTS) - 1)


def ranks(scores: Floats) -> Floats:
    """Return 1 for the highest; equal scores share their mean rank."""
    _, places, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places], dtype=float)


def apgr(scores: Floats, gains: Floats) -> float:
    """Return the average performance gap recovered over all shares of remote calls; 0.5 is chance."""
    return float(gains @ (1 - (ranks(scores) - 0.5) / len(gains)) / gains.sum())


def auc(scores: Floats, is_positive: Floats) -> float:
    """Return how often a positive is scored above one that is not."""
    positives = float(is_positive.sum())
    others = len(scores) - positives
    above = len(scores) + 1 - ranks(scores)
    return float((above @ is_positive - positives * (positives + 1) / 2) / (positives * others))
