"""``arriero route stats``: what routers have decided, and how it went."""

import os

import click
import msgspec

from arriero.cli import flags, route_flags
from arriero.cli.tables import aligned
from arriero.router.decision_database import read_rows
from arriero.router.statistics import Statistics, statistics_of
from arriero.router.statistics_tables import tables


@click.command(short_help="Sum up what routers have decided.")
@route_flags.router
@route_flags.since
@route_flags.as_json
@flags.config_file
def stats(name: str | None, since_s: float | None, as_json: bool, config_file: str | None) -> None:
    """Sum up what routers have decided: who answered, why, how fast, at what cost.

    Reads what the server writes down, whether it runs or not. Costs are told by the prices in the configuration file.
    """
    path = route_flags.log_file(os.environ)
    rows = read_rows(path, route_flags.moment_s(since_s))
    names = list(dict.fromkeys(row.router for row in rows))
    settings = route_flags.known_routers(config_file, os.environ)
    if name is not None:
        names = [route_flags.one_router(name, [*names, *settings])]
    found = {
        each: statistics_of(
            [row for row in rows if row.router == each], settings[each].prices if each in settings else None
        )
        for each in names
    }
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    if not any(each.decisions for each in found.values()):
        click.echo(f"nothing is written down in {path} yet: a router writes there what it decides", err=True)
    for router, statistics in found.items():
        click.echo(statistics_text(router, statistics), nl=False)


def statistics_text(router: str, statistics: Statistics) -> str:
    """All tables of one router."""
    parts = [f"{table.title}\n{aligned(table.rows, '  ')}\n\n" for table in tables(statistics)]
    return f"{router}: {statistics.decisions} decisions\n\n{''.join(parts)}" if parts else ""
