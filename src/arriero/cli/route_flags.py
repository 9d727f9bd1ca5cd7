"""Flags that the commands about routers share, and what their values mean."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from arriero.cli.config_file import UpstreamSource
from arriero.errors import ArrieroError, ConfigError, InvalidRequest
from arriero.router.rule_tables import parse_share
from arriero.router.settings import RouterSettings
from arriero.runners.routers import decisions_file
from arriero.store.layout import layout_from
from arriero.types.durations import parse_duration

_DAY_S = 86_400.0
LABELS_EPILOG = """\b
LABELS.jsonl has a line for each prompt, in one of three forms:
  {"prompt": "…", "gain": 0.4}   how much better the remote answer is: -1 to 1
  {"prompt": "…", "q_local": 0.5, "q_remote": 0.9}   how good both are: 0 to 1
  {"prompt": "…", "label": "COMPLEX"}   or "SIMPLE"
"""


class _Share(click.ParamType[float]):
    """A share as people write it: 30%, or 0.3."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """0 to 1. Ends the command where it cannot be read."""
        try:
            share = parse_share(str(value), "a share")
        except ConfigError as error:
            self.fail(error.message, param, ctx)
        if not 0 <= share <= 1:
            self.fail(f"{value} is not between 0% and 100%", param, ctx)
        return share


class _Since(click.ParamType[float]):
    """A time that has gone by: 24h, 90m, 7d."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """In seconds. Ends the command where it cannot be read."""
        text = str(value).strip()
        try:
            if text.endswith("d"):
                return float(text.removesuffix("d")) * _DAY_S
            return parse_duration(text) / 1e9
        except (ValueError, ArrieroError):
            self.fail(f"{text!r} is no time: write 90m, 24h or 7d", param, ctx)


SHARE = _Share()

router = click.option("--router", "name", metavar="NAME", help="Which router.  [default: the only one there is]")
since = click.option("--since", "since_s", metavar="TIME", type=_Since(), help="Only what came since: 90m, 24h, 7d.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
output = click.option(
    "-o", "--output", metavar="FILE", required=True, type=click.Path(path_type=Path), help="Where to write the weights."
)
labels = click.argument(
    "file", metavar="[LABELS.jsonl]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
from_log = click.option("--from-log", is_flag=True, help="Take the pairs of the log that you have labelled.")


def known_routers(config_file: str | None, environ: Mapping[str, str]) -> dict[str, RouterSettings]:
    """The routers of the configuration file, by name. Raises ConfigError."""
    return {each.name: each for each in UpstreamSource(file=config_file).read_routers(environ)}


def log_file(environ: Mapping[str, str]) -> Path:
    """Where decisions are written down."""
    return decisions_file(layout_from(environ))


def moment_s(since_s: float | None) -> float:
    """Seconds since 1970, where so much time has gone by since then; 0 for all time."""
    return 0.0 if since_s is None else time.time() - since_s


def one_router(name: str | None, known: Iterable[str]) -> str:
    """The router that is meant. Raises InvalidRequest where that could be several, or none."""
    names: Sequence[str] = list(dict.fromkeys(known))
    if name is not None:
        found = next((each for each in names if each.lower() == name.strip().lower()), None)
        if found is None:
            raise InvalidRequest(f"no router is called {name!r}{_list(names)}")
        return found
    if len(names) == 1:
        return names[0]
    if names:
        raise InvalidRequest(f"say which router you mean, with --router{_list(names)}")
    raise InvalidRequest(
        "there is no router: none in the configuration file, and no decision of any is written down. Make one with: "
        "arriero serve --router smart --local MODEL --remote MODEL"
    )


def _list(names: Sequence[str]) -> str:
    return f"; there are: {', '.join(names)}" if names else "; there is none"
