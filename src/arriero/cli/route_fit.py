"""``arriero route fit``: trains a scorer on the user's own labels."""

import math
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

from arriero.cli import route_flags
from arriero.cli.progress import waiting
from arriero.cli.route_eval import length_of, measured_of
from arriero.cli.route_labels import labels_of
from arriero.cli.route_tables import LEGEND, Measured, measures_text
from arriero.errors import ConfigError
from arriero.router.evaluation import FOLDS, held_out_scores
from arriero.router.fitting import FEWEST_LABELS, fit_model
from arriero.router.fitting import fit as fit_scores
from arriero.router.label_file import Label
from arriero.router.linear import score_prompt


@click.command(epilog=route_flags.LABELS_EPILOG, short_help="Train a scorer on your own labels.")
@route_flags.labels
@route_flags.from_log
@route_flags.output
@route_flags.as_json
def fit(file: Path | None, from_log: bool, output: Path, as_json: bool) -> None:
    """Train a scorer on prompts of which you know how good both answers are; some 300 of them help.

    It is measured by cross-validation, each prompt by what was learned from others, beside the length of the prompt and
    the scorer that is shipped. Needs scikit-learn: pip install 'arriero[fit]'
    """
    labels = labels_of(file, from_log=from_log)
    prompts, gains = [label.prompt for label in labels], [label.gain for label in labels]
    with waiting(f"learning from {len(labels)} labels"):
        model = fit_model(prompts, gains)
        measured = _measured(labels, prompts, gains)
    model.save(output)
    click.echo(msgspec.json.encode(measured) if as_json else _text(measured, output, len(labels)))


def _measured(labels: Sequence[Label], prompts: list[str], gains: list[float]) -> list[Measured]:
    """The scorers that cost nothing, and the fitted one on prompts that were held out, where there are enough."""
    found = [
        measured_of("length", [length_of(prompt) for prompt in prompts], labels),
        measured_of("linear", [score_prompt(prompt) for prompt in prompts], labels),
    ]
    if len(labels) * (FOLDS - 1) // FOLDS < FEWEST_LABELS:
        return found
    try:
        held_out = held_out_scores(fit_scores, prompts, gains)
    except ConfigError:
        # All labels of a fold are the same, as where only a few are not.
        return found
    # Ranks are no probabilities.
    return [*found, replace(measured_of("fitted", held_out, labels), error=None)]


def _text(measured: Sequence[Measured], output: Path, count: int) -> str:
    lines = [f"{count} labels, the fitted scorer cross-validated", measures_text(measured), LEGEND, ""]
    by_name = {each.scorer: each.evaluation for each in measured}
    fitted, linear = by_name.get("fitted"), by_name["linear"]
    if fitted is None:
        lines.append("there are too few labels, or too few of a kind, to measure what was learned")
    elif math.isnan(fitted.measures.apgr):
        lines.append("the remote model is no better on these prompts, so there is nothing to gain by choosing")
    elif fitted.measures.apgr <= linear.measures.apgr:
        lines.append("it is no better than the scorer that is shipped: more labels are needed, or keep that one")
    lines.append(
        f"written to {output}. To use it, write under [router.NAME] in the configuration file:\n{_use(output)}"
    )
    return "\n".join(lines)


def _use(output: Path) -> str:
    path = msgspec.json.encode(str(output.resolve())).decode()
    return f'  scorer = "fitted"\n  weights = {path}\nand start the server again.'
