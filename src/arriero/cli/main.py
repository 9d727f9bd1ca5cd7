"""``arriero``: the command."""

import sys

import click

from arriero.cli.serve import serve
from arriero.errors import ArrieroError
from arriero.version import OLLAMA_API_VERSION, __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=f"arriero %(version)s (Ollama API {OLLAMA_API_VERSION})")
def cli() -> None:
    """Any model behind the Ollama API, on a high-performance engine."""


cli.add_command(serve)


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
