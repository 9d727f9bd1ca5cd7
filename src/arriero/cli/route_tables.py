"""How good scorers are, as a table."""

import math
from collections.abc import Sequence

from msgspec import Struct

from arriero.cli.tables import aligned
from arriero.router.evaluation import Evaluation

_HEAD = ("SCORER", "APGR", "[95 %]", "CPT20", "CPT50", "[95 %]", "CPT80", "[95 %]", "AUC", "Q@30", "ECE")
LEGEND = """\
APGR: part of what the remote model is better by that is had, on average over all shares of remote calls; a guess: 0.500
CPT50: percent of remote calls that give half of it; lower is better. AUC: P(better remotely scores higher)
Q@30: quality with 30 % of the calls remote. ECE: how far probabilities are off. [95 %]: by bootstrap over prompts"""


class Measured(Struct, frozen=True):
    """A scorer's figures. quality: with 30 % of the calls remote; error: of its probabilities. None: not known."""

    scorer: str
    evaluation: Evaluation
    quality: float | None = None
    error: float | None = None


def measures_text(measured: Sequence[Measured]) -> str:
    """One line a scorer."""
    return aligned([_HEAD, *map(_row, measured)])


def _row(measured: Measured) -> tuple[str, ...]:
    evaluation = measured.evaluation
    of, low, high = evaluation.measures, evaluation.low, evaluation.high
    return (
        measured.scorer,
        _number(of.apgr, 3),
        f"{_number(low.apgr, 3)}-{_number(high.apgr, 3)}",
        _number(of.cpt20, 1),
        _number(of.cpt50, 1),
        f"{_number(low.cpt50, 1)}-{_number(high.cpt50, 1)}",
        _number(of.cpt80, 1),
        f"{_number(low.cpt80, 1)}-{_number(high.cpt80, 1)}",
        _number(of.auc, 3),
        _number(measured.quality, 3),
        _number(measured.error, 3),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"
