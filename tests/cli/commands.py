"""Runs ``arriero`` in this process."""

from click.testing import CliRunner, Result

from arriero.cli.main import cli


def arriero(url: str, *arguments: str, typed: str = "", **environ: str) -> Result:
    """What a command prints; what is not a terminal is typed. Our own errors are in ``exception``."""
    runner = CliRunner(env={"OLLAMA_HOST": url, "OLLAMA_API_KEY": None, "ARRIERO_API_KEY": None, **environ})
    return runner.invoke(cli, arguments, input=typed)
