"""Make the weights that are shipped: ``python -m benchmarks.routing.train_linear [--data FOLDER] [--check]``.

FOLDER has ``public`` with recorded outcomes, and ``baselines`` to be compared with. Everything that is reported has
been scored by weights that have not seen the family that it belongs to, and the prior's strength is chosen without it.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec
import numpy as np

from arriero.router.features import FEATURE_NAMES, features_of
from arriero.router.linear import LinearWeights
from benchmarks.routing.comparisons import SETS, Range, baselines, compare, traffic_of
from benchmarks.routing.held_out import Lesson, auc, choose, without_family, without_subject
from benchmarks.routing.prior import prior_weights
from benchmarks.routing.ridge import Choice, fit_logistic, moments_of, scale_of
from benchmarks.routing.sources import LICENCES, Floats, Source, models_of, read_sources
from benchmarks.tables import format_table

SHIPPED = Path(__file__).parents[2] / "src" / "arriero" / "router" / "weights" / "linear.json"
_TOLERANCE = 1e-3
_ABOUT = (
    "Logit of the probability that a strong model is worth it: bias plus weight times feature. A ridge towards a"
    " hand-made prior, over the outcomes of the sources below, whose texts are not shipped; then Platt's curve, fitted"
    " to scores of prompts whose family had been left out: half to outcomes, half to labels by provenance, and in each"
    " source prompts on which the strong model is better weigh as much as the others."
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=Path("../shared/router"))
@click.option("--check", is_flag=True, help="Compare the shipped file with what the data give, and write nothing.")
@click.option("--held-out", type=click.Path(path_type=Path), help="Write the held-out scores there, as id,score.")
def main(data: Path, *, check: bool, held_out: Path | None) -> None:
    """Train, report and write."""
    lesson = lesson_of(read_sources(data))
    scores, choices = without_family(lesson)
    choice = choose(lesson)
    made = weights_of(lesson, choice, scores)
    if check:
        sys.exit(_difference(made))
    click.echo(_table(lesson, scores, choices, data / "baselines" / "litellm_heuristic.csv"))
    click.echo(f"\nchosen for what is shipped: {choice}; for each family without it: {choices}")
    if held_out:
        _write_scores(held_out, lesson.sources, scores)
    SHIPPED.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")


def lesson_of(sources: Sequence[Source]) -> Lesson:
    """Count the features of all prompts."""
    features = {source.name: np.array([features_of(prompt) for prompt in source.prompts]) for source in sources}
    scale = scale_of(features)
    moments = {source.name: moments_of(source, features[source.name], scale) for source in sources}
    return Lesson(sources, features, scale, prior_weights(), moments)


def weights_of(lesson: Lesson, choice: Choice, held_out: Mapping[str, Floats]) -> LinearWeights:
    """Learn from all sources, and calibrate by held-out scores."""
    slope, shift = _curve(lesson.sources, held_out)
    raw = slope * lesson.weights(choice) / lesson.scale.deviation
    bias = shift - float(raw @ lesson.scale.mean)
    return LinearWeights(
        bias=round(bias, 5),
        weights={name: round(float(weight), 5) for name, weight in zip(FEATURE_NAMES, raw, strict=True)},
        about=_ABOUT,
        made_by="python -m benchmarks.routing.train_linear",
        sources=tuple(_origin(source) for source in lesson.sources),
        choices={"hold": choice.hold, "size": choice.size, "slope": round(slope, 4), "shift": round(shift, 4)},
    )


def _curve(sources: Sequence[Source], held_out: Mapping[str, Floats]) -> tuple[float, float]:
    """Fit to labels by provenance and to outcomes, half and half; inside a source both answers weigh the same."""
    scores, labels, weights = [], [], []
    outcomes = sum(np.sqrt(len(source.ids)) for source in sources if source.qualities)
    for source in sources:
        is_better = _is_better(source)
        share = np.where(is_better > 0, 1 / is_better.sum(), 1 / (1 - is_better).sum()) / 2
        weights.append(share * (np.sqrt(len(source.ids)) / outcomes if source.qualities else 1.0))
        scores.append(held_out[source.name])
        labels.append(is_better)
    return fit_logistic(np.concatenate(scores), np.concatenate(labels), np.concatenate(weights))


def _is_better(source: Source) -> Floats:
    if not source.qualities:
        return np.asarray(source.gains > 0, dtype=float)
    weak, strong = models_of(source.name)
    return np.asarray(source.qualities[strong[0]] > source.qualities[weak[0]], dtype=float)


def _origin(source: Source) -> dict[str, str | int]:
    weak, strong = models_of(source.name)
    models = {"weak": ", ".join(weak), "strong": ", ".join(strong)} if weak else {}
    return {"name": source.name, "prompts": len(source.ids), "from": LICENCES[source.name], **models}


def _table(lesson: Lesson, scores: Mapping[str, Floats], choices: Mapping[str, Choice], heuristic: Path) -> str:
    known = [source for source in lesson.sources if source.family == "knowledge"]
    by_subject, _ = without_subject(lesson, choices["knowledge"])
    others = baselines(lesson.sources, heuristic)
    rows = []
    for name in SETS:
        traffic = traffic_of(name, lesson.sources)
        ranges = compare(traffic.pick(scores), [traffic.pick(other) for other in others], traffic.gains)
        rows.append([name, str(len(traffic.gains)), *map(_cell, ranges)])
    for source in known:
        ranges = compare(by_subject[source.name], [other[source.name] for other in others], source.gains)
        rows.append([f"{source.name}, subjects left out", str(len(source.gains)), *map(_cell, ranges)])
    head = ["family left out", "prompts", "APGR", "above length", "above LiteLLM's heuristic"]
    return format_table("Held-out APGR", head, rows) + "\n" + _provenance(lesson.sources, scores)


def _provenance(sources: Sequence[Source], scores: Mapping[str, Floats]) -> str:
    labels = next(source for source in sources if source.family == "provenance")
    found, is_complex = scores[labels.name], _is_better(labels)
    is_short = np.array([30 <= len(prompt) <= 90 for prompt in labels.prompts])
    short = auc(found[is_short], is_complex[is_short])
    return f"provenance, left out: AUC {auc(found, is_complex):.3f}, of 30 to 90 characters {short:.3f}"


def _cell(found: Range) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _difference(made: LinearWeights) -> str | int:
    """Return 0, or what is wrong with the shipped file."""
    shipped = msgspec.json.decode(SHIPPED.read_bytes(), type=LinearWeights)
    pairs = {name: (weight, shipped.weights.get(name, np.inf)) for name, weight in made.weights.items()}
    pairs["bias"] = (made.bias, shipped.bias)
    wrong = [name for name, (new, old) in pairs.items() if abs(new - old) > _TOLERANCE]
    return f"{SHIPPED.name} is not what the data give: {', '.join(wrong)}" if wrong else 0


def _write_scores(path: Path, sources: Sequence[Source], scores: Mapping[str, Floats]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "score"])
        for source in sources:
            writer.writerows(zip(source.ids, scores[source.name].tolist(), strict=True))


if __name__ == "__main__":
    main()
