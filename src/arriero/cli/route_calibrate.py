"""``arriero route calibrate``: sets a router's threshold, and what scores are worth, by what it has seen."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from arriero.cli import flags, route_flags
from arriero.cli.route_labels import labels_of, with_linear_scores, with_server_scores
from arriero.errors import InvalidRequest
from arriero.router.calibration import Calibration
from arriero.router.decision_database import read_rows
from arriero.router.decision_rows import DecisionRow
from arriero.router.retuning import (
    FEWEST_LABELS,
    WINDOW,
    CalibrationFound,
    ThresholdFound,
    deciding_scores,
    find_calibrations,
    find_threshold,
    scorers_of,
)
from arriero.router.settings import RouterSettings
from arriero.router.tuning import Tuning, load_tuning, save_tuning, tuning_file
from arriero.store.layout import data_dir

# Of fewer scores, a threshold is a guess.
_FEW_SCORES = WINDOW


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What has been found. file: where it is written down, None where it is not."""

    router: str
    tuning: Tuning
    threshold: ThresholdFound | None
    calibrations: Sequence[CalibrationFound]
    file: Path | None


@click.command(short_help="Set how much goes remote, by what was seen so far.")
@route_flags.router
@click.option("--remote-share", type=route_flags.SHARE, metavar="SHARE", help="How much shall go remote: 30%, or 0.3.")
@route_flags.since
@click.option(
    "--labels",
    "file",
    metavar="FILE.jsonl",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Prompts with how good both answers are: makes probabilities of scores. See arriero route fit --help.",
)
@route_flags.from_log
@click.option("--server", "asks_server", is_flag=True, help="Have the server that runs score those prompts.")
@click.option("--dry-run", is_flag=True, help="Only say what would be written down.")
@route_flags.as_json
@flags.config_file
def calibrate(  # noqa: PLR0913  # one parameter a flag
    name: str | None,
    remote_share: float | None,
    since_s: float | None,
    file: Path | None,
    from_log: bool,
    asks_server: bool,
    dry_run: bool,
    as_json: bool,
    config_file: str | None,
) -> None:
    """Set the threshold of a router so that a share of what it has seen goes remote, and write that down for it.

    The scores that it has written down are what counts; --since leaves out older ones. With labels, scores are first
    made probabilities that are right as often as they say. To hold a share while the traffic changes, set remote_share
    in the configuration file: then the server follows, and this is only where it begins.
    """
    if remote_share is None and file is None and not from_log:
        raise InvalidRequest("say what to set: --remote-share 30%, or --labels FILE.jsonl")
    settings = route_flags.known_routers(config_file, os.environ)
    rows = read_rows(route_flags.log_file(os.environ), route_flags.moment_s(since_s))
    router = route_flags.one_router(name, [*settings, *(row.router for row in rows)])
    path = tuning_file(data_dir(os.environ), router)
    found = _calibrations(router, file, from_log=from_log, asks_server=asks_server) if file or from_log else []
    calibrations = {
        **load_tuning(path).calibrations,
        **{each.scorer: each.calibration for each in found if not each.is_flat},
    }
    threshold = None
    if remote_share is not None:
        of_router = [row for row in rows if row.router == router]
        threshold = _threshold(of_router, settings.get(router), calibrations, remote_share)
    tuning = Tuning(threshold.threshold if threshold else None, calibrations)
    if not dry_run:
        save_tuning(path, tuning)
    told = Calibrated(router, tuning, threshold, found, None if dry_run else path)
    click.echo(msgspec.json.encode(told) if as_json else "\n".join(_lines(told, settings.get(router))))


def _calibrations(router: str, file: Path | None, *, from_log: bool, asks_server: bool) -> list[CalibrationFound]:
    labels = labels_of(file, from_log=from_log)
    scored = with_server_scores(router, labels) if asks_server else with_linear_scores(labels)
    found = find_calibrations(scored)
    if not found:
        raise InvalidRequest(f"there are {len(scored)} labels, and a calibration needs {FEWEST_LABELS} of a scorer")
    return found


def _threshold(
    rows: Sequence[DecisionRow],
    settings: RouterSettings | None,
    calibrations: dict[str, Calibration],
    share: float,
) -> ThresholdFound:
    """Raises InvalidRequest where nothing of the router's scorer is written down."""
    scorers = scorers_of(settings) if settings else _latest_scorers(rows)
    scores = deciding_scores(rows, scorers)
    if not scores:
        raise InvalidRequest(
            f"no score by {' or '.join(scorers) or 'any scorer'} is written down. Let the router answer some requests "
            "first, or leave out --since"
        )
    return find_threshold(scores, calibrations, share)


def _latest_scorers(rows: Sequence[DecisionRow]) -> list[str]:
    """Who scores now, where no configuration says so: whoever has of late."""
    scored = [row.decision.score.scorer for row in rows if row.decision.score]
    return list(dict.fromkeys(scored[-WINDOW:]))


def _lines(told: Calibrated, settings: RouterSettings | None) -> Iterator[str]:
    for each in told.calibrations:
        if each.is_flat:
            yield f"{told.router}: {each.scorer} says nothing about these {each.labels} labels; it is left alone"
            continue
        yield (
            f"{told.router}: {each.scorer} is calibrated on {each.labels} labels; probabilities were off by "
            f"{each.error_before:.3f} on average, and now are by {each.error:.3f} (ECE, cross-validated)"
        )
    if told.threshold is not None:
        yield from _threshold_lines(told.router, told.threshold)
    elif told.calibrations:
        yield "the threshold is 0.5: give --remote-share as well to set another one"
    if settings is not None and settings.threshold is not None:
        yield (
            f"note: the configuration says threshold = {settings.threshold:g}, and that wins. Take it out, "
            "or set it there"
        )
    if settings is not None and settings.remote_share is not None:
        yield (
            f"note: the configuration says remote_share = {settings.remote_share:g}, and the server holds that. "
            "This threshold is where it begins"
        )
    if told.file is None:
        yield "nothing is written down"
    else:
        yield f"written to {told.file}; a server that runs reads it on SIGHUP (kill -HUP), else when it starts again"


def _threshold_lines(router: str, found: ThresholdFound) -> Iterator[str]:
    yield f"{router}: threshold {found.threshold:.4f}, which {100 * found.share:.1f} % of {found.scores} scores reach"
    if found.windows:
        low, high = 100 * min(found.windows), 100 * max(found.windows)
        times = f"{len(found.windows)} times {WINDOW}"
        yield f"  of the last {times} requests it would have sent {low:.1f} % to {high:.1f} %"
    if found.scores < _FEW_SCORES:
        yield f"  that is little to go by: do it again with {_FEW_SCORES} scores or more"
