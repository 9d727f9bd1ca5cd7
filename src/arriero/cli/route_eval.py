"""``arriero route eval``: how well scorers tell the user's own prompts apart."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from arriero.cli import route_flags
from arriero.cli.route_labels import labels_of, server_scores
from arriero.cli.route_tables import LEGEND, Measured, measures_text
from arriero.errors import InvalidRequest
from arriero.router import fitted
from arriero.router.calibration import expected_calibration_error
from arriero.router.evaluation import evaluate as measure
from arriero.router.evaluation import quality_at
from arriero.router.label_file import Label
from arriero.router.linear import score_prompt

_SHARE = 0.3
SCORERS = ("length", "linear", "fitted")


@click.command("eval", epilog=route_flags.LABELS_EPILOG, short_help="Measure scorers on prompts with known outcomes.")
@route_flags.labels
@route_flags.from_log
@click.option(
    "--scorer",
    "scorers",
    type=click.Choice(SCORERS),
    multiple=True,
    help="Whom to measure; may be repeated.  [default: length and linear]",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What arriero route fit has made: measure that, too.",
)
@click.option("--server", "router", metavar="NAME", help="Measure this router of the server that runs, too.")
@route_flags.as_json
def evaluate(
    file: Path | None,
    from_log: bool,
    scorers: tuple[str, ...],
    weights: Path | None,
    router: str | None,
    as_json: bool,
) -> None:
    """Measure how well scorers tell which prompts the remote model answers better.

    Prompts that weights were fitted to tell nothing of them: arriero route fit measures on others.
    """
    labels = labels_of(file, from_log=from_log)
    names = list(dict.fromkeys(scorers or ("length", "linear")))
    if weights is not None and "fitted" not in names:
        names.append("fitted")
    measured = [measured_of(name, _scores(name, labels, weights), labels) for name in names]
    if router is not None:
        scores = [score.probability for score in server_scores(router, [label.prompt for label in labels])]
        measured.append(measured_of(router, scores, labels))
    text = f"{len(labels)} labels\n{measures_text(measured)}\n{LEGEND}"
    click.echo(msgspec.json.encode(measured) if as_json else text)


def measured_of(name: str, scores: Sequence[float], labels: Sequence[Label]) -> Measured:
    """A scorer's figures on labels."""
    gains = [label.gain for label in labels]
    are_probabilities = name != "length" and all(0 <= score <= 1 for score in scores)
    error = expected_calibration_error(scores, [gain > 0 for gain in gains]) if are_probabilities else None
    return Measured(name, measure(scores, gains), _quality(scores, labels), error)


def length_of(prompt: str) -> float:
    """The scorer that needs nothing, and that every other one has to beat."""
    return float(len(prompt))


def _scores(name: str, labels: Sequence[Label], weights: Path | None) -> list[float]:
    prompts = [label.prompt for label in labels]
    if name == "fitted":
        if weights is None:
            raise InvalidRequest("say which weights: --weights FILE, made by arriero route fit")
        scorer = fitted.FittedScorer(fitted.load(weights))
        return [scorer.probability(prompt) for prompt in prompts]
    return [length_of(prompt) if name == "length" else score_prompt(prompt) for prompt in prompts]


def _quality(scores: Sequence[float], labels: Sequence[Label]) -> float | None:
    local = [label.q_local for label in labels if label.q_local is not None]
    remote = [label.q_remote for label in labels if label.q_remote is not None]
    if len(local) != len(labels) or len(remote) != len(labels):
        return None
    return quality_at(scores, local, remote, _SHARE)
