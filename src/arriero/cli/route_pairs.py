"""``arriero route pairs``, ``label`` and ``export``: pairs of answers, and what the user thinks of them."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import msgspec

from arriero.cli import route_flags
from arriero.cli.tables import aligned
from arriero.cli.units import moment_text
from arriero.errors import InvalidRequest
from arriero.router.decision_database import read_rows
from arriero.router.labels import export_jsonl, read_pairs
from arriero.router.labels import label as write_label
from arriero.router.pairs import Pair

_PROMPT_CHARS = 60


@click.command(short_help="List requests that both sides have answered.")
@click.argument("number", metavar="[ID]", type=int, required=False)
@click.option("--all", "shows_all", is_flag=True, help="Those that are labelled already, too.")
@route_flags.router
@route_flags.since
@route_flags.as_json
def pairs(number: int | None, shows_all: bool, name: str | None, since_s: float | None, as_json: bool) -> None:
    """List the requests that both sides have answered, for you to label; with an ID, show both answers of one.

    A router with ask_both = "2%" has so many of its requests answered by both. To see what was asked and answered, it
    needs keep_prompts = true.
    """
    path = route_flags.log_file(os.environ)
    found = read_pairs(path, route_flags.moment_s(since_s))
    if number is not None:
        found = [pair for pair in found if pair.id == number]
        if not found:
            raise InvalidRequest(f"the decision log has no pair {number}; list them with: arriero route pairs")
    else:
        found = [pair for pair in found if shows_all or pair.local_quality is None]
        found = [pair for pair in found if name is None or pair.router == name]
    if as_json:
        click.echo(msgspec.json.encode(found))
    elif number is not None:
        click.echo(_whole(found[0]))
    elif found:
        click.echo(_table(found))
    else:
        click.echo(f'{path} has no pairs to label; a router makes some with ask_both = "2%"', err=True)


@click.command(short_help="Say how good the two answers of a pair are.")
@click.argument("number", metavar="ID", type=int)
@click.option(
    "--local", "local_quality", type=float, required=True, metavar="Q", help="0: useless; 1: as good as can be."
)
@click.option(
    "--remote", "remote_quality", type=float, required=True, metavar="Q", help="The same for the remote answer."
)
def label(number: int, local_quality: float, remote_quality: float) -> None:
    """Say how good the local and the remote answer of the pair ID are, each from 0 to 1."""
    write_label(route_flags.log_file(os.environ), number, local_quality, remote_quality)
    click.echo(f"pair {number}: the remote answer is better by {remote_quality - local_quality:g}")


@click.command(short_help="Print decisions, or labelled pairs, as lines of JSON.")
@click.option("--pairs", "of_pairs", is_flag=True, help="Labelled pairs, as arriero route fit and eval read them.")
@route_flags.since
def export(of_pairs: bool, since_s: float | None) -> None:
    """Print what is written down as lines of JSON: every decision, or with --pairs what can be learned from."""
    path, moment_s = route_flags.log_file(os.environ), route_flags.moment_s(since_s)
    if of_pairs:
        for line in export_jsonl(path, moment_s):
            click.echo(line, nl=False)
    else:
        for row in read_rows(path, moment_s):
            click.echo(msgspec.json.encode(row))


def _table(found: Sequence[Pair]) -> str:
    head = ("ID", "ROUTER", "WHEN", "SCORE", "LOCAL", "REMOTE", "PROMPT")
    now = datetime.now(UTC)
    return aligned([head, *(_row(pair, now) for pair in found)])


def _row(pair: Pair, now: datetime) -> tuple[str, ...]:
    when = moment_text(datetime.fromtimestamp(pair.at_s, UTC), now)
    score = "-" if pair.score is None else f"{pair.score:.3f}"
    qualities = (_quality(pair.local_quality), _quality(pair.remote_quality))
    return (str(pair.id), pair.router, when, score, *qualities, _short(pair.prompt) or "(not kept)")


def _quality(quality: float | None) -> str:
    return "-" if quality is None else f"{quality:g}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _PROMPT_CHARS else f"{line[: _PROMPT_CHARS - 1]}…"


def _whole(pair: Pair) -> str:
    if not pair.prompt:
        return f"pair {pair.id}: its text is not kept; a router keeps it with keep_prompts = true"
    return f"PROMPT\n{pair.prompt}\n\nLOCAL\n{pair.local_answer}\n\nREMOTE\n{pair.remote_answer}"
