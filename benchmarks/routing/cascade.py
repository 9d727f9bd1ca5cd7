"""How often the judge has to be asked, so that nothing is lost against asking it always.

``python -m benchmarks.routing.cascade --data FILE SCORES``: prompts that ``benchmarks.routing.judge`` reads, and the
scores that it writes. A band is chosen on the half that was learned from, and all figures are of the other.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from arriero.router.calibration import fit_platt
from arriero.router.cascade import DEFAULT_BAND, CascadeScorer
from arriero.router.linear import LinearScorer
from arriero.router.subject import Subject
from arriero.types.chat import Message
from arriero.types.routing import Score
from benchmarks.routing.judge import Labelled, read_labelled
from benchmarks.routing.ranking import area, bootstrap
from benchmarks.tables import format_table

# More than half of other requests must stay outside, too.
_MOST_ASKED = 0.4
_STEPS = [step / 20 for step in range(21)]


class _Scored(Struct, frozen=True):
    """What a judge has made of a prompt, before calibration (see ``benchmarks.routing.judge``)."""

    model: str
    half: str
    id: str
    complex: bool
    score: float


@dataclass(frozen=True, slots=True)
class _Known:
    """A scorer whose scores are known beforehand."""

    scores: Mapping[str, float]
    name: str = "judge"

    async def score(self, subject: Subject) -> Score:
        return Score(self.scores[subject.text], self.name)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("scores", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(scores: Path, data: Path) -> None:
    """Print how much of the traffic reaches the judge, and what comes out, for the usual band and the chosen one."""
    prompts = {row.id: row for row in read_labelled(data)}
    scored = [msgspec.json.decode(line, type=_Scored) for line in scores.read_bytes().splitlines()]
    click.echo(asyncio.run(_table(prompts, scored)))


async def _table(prompts: Mapping[str, Labelled], scored: Sequence[_Scored]) -> str:
    learned, held_out = ([each for each in scored if each.half == half] for half in ("learned", "held out"))
    line = fit_platt([each.score for each in learned], [each.complex for each in learned])
    judge = _Known({prompts[each.id].prompt: line(each.score) for each in scored})
    chosen = await _choose(prompts, learned, judge)
    rows = []
    for name, band in (
        ("linear alone", (2.0, 2.0)),
        ("always both", (0.0, 1.0)),
        (f"usual band {DEFAULT_BAND}", DEFAULT_BAND),
        (f"chosen band {chosen}", chosen),
    ):
        probabilities, share = await _run(prompts, held_out, judge, band)
        rows.append([name, *_figures(probabilities, held_out), f"{share:.0%}"])
    alone = [judge.scores[prompts[each.id].prompt] for each in held_out]
    rows.insert(1, ["judge alone", *_figures(alone, held_out), "100%"])
    title = f"Cascade with {scored[0].model}: {len(held_out)} prompts that were not learned from"
    return format_table(title, ["scorer", "AUC", "right at 0.5", "ask the judge"], rows)


async def _choose(prompts: Mapping[str, Labelled], learned: Sequence[_Scored], judge: _Known) -> tuple[float, float]:
    """The band with the best AUC of those that few enough prompts lie in."""
    best, best_area = (2.0, 2.0), -math.inf
    for low in _STEPS:
        for high in (step for step in _STEPS if step > low):
            probabilities, share = await _run(prompts, learned, judge, (low, high))
            reached = area(probabilities, [each.complex for each in learned])
            if share <= _MOST_ASKED and reached > best_area:
                best, best_area = (low, high), reached
    return best


async def _run(
    prompts: Mapping[str, Labelled], scored: Sequence[_Scored], judge: _Known, band: tuple[float, float]
) -> tuple[list[float], float]:
    """The probabilities, and the share of prompts that reach the judge."""
    cascade = CascadeScorer(LinearScorer(), judge, band)
    scores = [await cascade.score(Subject((Message("user", prompts[each.id].prompt),))) for each in scored]
    asked = sum(score.scorer == cascade.name for score in scores)
    return [score.probability for score in scores], asked / max(len(scores), 1)


def _figures(probabilities: Sequence[float], scored: Sequence[_Scored]) -> list[str]:
    outcomes = [each.complex for each in scored]
    low, high = bootstrap(area, probabilities, outcomes)
    right = sum((probability >= 0.5) == outcome for probability, outcome in zip(probabilities, outcomes, strict=True))
    return [f"{area(probabilities, outcomes):.3f} [{low:.3f}, {high:.3f}]", f"{right / len(outcomes):.3f}"]


if __name__ == "__main__":
    main()
