"""``arriero route``: what routers decide, and how they learn. Each command lies in a module of its own subject."""

import importlib

import click

_COMMANDS = {
    "chat": "route_chat:chat",
    "explain": "route_explain:explain",
    "stats": "route_stats:stats",
    "calibrate": "route_calibrate:calibrate",
    "pairs": "route_pairs:pairs",
    "label": "route_pairs:label",
    "export": "route_pairs:export",
    "fit": "route_fit:fit",
    "eval": "route_eval:evaluate",
}


class _Commands(click.Group):
    """Imports a command when it is used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(f"arriero.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


_EPILOG = """\b
From first use to a router of your own:
  arriero route explain "Hello!"              who would answer, and why
  arriero route stats                         how it went so far
  arriero route calibrate --remote-share 30%  send about that much to the remote model
  arriero route pairs; arriero route label …  say which answers were better
  arriero route fit --from-log -o w.json      learn from that
  arriero route eval LABELS.jsonl             is it any better?
"""


@click.group(cls=_Commands, epilog=_EPILOG, short_help="See what a router decides, and make it better.")
def route() -> None:
    """See what a router decides, and make it better.

    A router is a model that has two others answer: a small local one what is simple, a powerful remote one the rest. It
    is made by "arriero serve --router smart --local MODEL --remote MODEL", or in the configuration file.
    """
