"""``arriero``: the command."""

import importlib
import sys

import click

from arriero.errors import ArrieroError
from arriero.version import OLLAMA_API_VERSION, __version__

_INTERRUPTED = 130
# Each command lies in a module of its own subject, imported when it is asked for: the server needs nothing of its
# clients, and they nothing of it.
_SECTIONS = {
    "Server": {"serve": "serve:serve"},
    "Talk": {"run": "run:run"},
    "Routers": {"route": "route:route"},
    "Models that are here": {
        "list": "models:list_models",
        "show": "models:show",
        "cp": "models:cp",
        "rm": "models:rm",
        "ps": "models:ps",
        "stop": "models:stop",
    },
    "Models that come and go": {
        "pull": "transfer:pull",
        "create": "create:create",
        "push": "transfer:push",
    },
}
_COMMANDS = {name: place for section in _SECTIONS.values() for name, place in section.items()}
_ALIASES = {"ls": "list"}


class _Commands(click.Group):
    """The commands by section; each is imported when it is used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(_ALIASES.get(cmd_name, cmd_name))
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(f"arriero.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, _COMMANDS))
        for title, section in _SECTIONS.items():
            with formatter.section(title):
                rows = [(name.ljust(widest), self._short_help(ctx, name)) for name in section]
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; Ctrl-C ends it without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(_INTERRUPTED)

    def _short_help(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        assert command is not None
        return command.get_short_help_str(limit=80)


_EPILOG = """\b
All but serve, and most of route, ask a server that runs:
  OLLAMA_HOST      where it is                     [127.0.0.1:11434]
  ARRIERO_API_KEY  the key that it wants, if any   [OLLAMA_API_KEY]
"""


@click.group(cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=f"arriero %(version)s (Ollama API {OLLAMA_API_VERSION})")
def cli() -> None:
    """Any model behind the Ollama API, on a high-performance engine."""


def run(command: click.Command, arguments: list[str] | None = None, prog_name: str | None = None) -> None:
    """Run a command and end the process; our own errors are a line on standard error and exit code 1."""
    try:
        sys.exit(command.main(arguments, prog_name))
    except (ArrieroError, OSError) as error:
        # An OSError here is a directory of the user's that cannot be used, and its text names it.
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


def main() -> None:
    """Run ``arriero``."""
    run(cli, prog_name="arriero")
