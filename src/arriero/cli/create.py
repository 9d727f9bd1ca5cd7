"""``arriero create``: makes a model of a Modelfile."""

import os
import sys
from pathlib import Path

import click

from arriero.cli.api import Api
from arriero.cli.flags import model_name
from arriero.cli.model_files import model_files
from arriero.cli.progress import ProgressBar
from arriero.cli.transfer import to_progress
from arriero.cli.uploads import upload_files
from arriero.errors import InvalidRequest
from arriero.protocol.modelfile import Modelfile, parse_modelfile
from arriero.protocol.ollama_create import create_request

_STANDARD_INPUT = "-"


@click.command()
@click.argument("name", type=model_name)
@click.option("-f", "--file", "file", metavar="FILE", help="-: standard input.  [default: Modelfile, else FROM .]")
@click.option("-q", "--quantize", metavar="TYPE", default="", help="Make the weights smaller: Q4_K_M, Q8_0 ...")
def create(name: str, file: str | None, quantize: str) -> None:
    """Make a model called NAME, as a Modelfile says.

    Files that it names are looked for beside it, and sent to the server where it does not have them.
    """
    modelfile = _read(file)
    for option in modelfile.deprecated:
        click.echo(f"Warning: PARAMETER {option} means nothing any more", err=True)
    directory = Path(file).parent if file else Path()
    files = model_files(modelfile, directory)
    with Api(os.environ) as api, ProgressBar() as bar:
        digests = upload_files(api, files, bar.show) if files else {}
        for step in api.create(create_request(name, modelfile, digests, quantize)):
            bar.show(to_progress(step))


def _read(file: str | None) -> Modelfile:
    """Read a Modelfile. Without a name: the one in the working directory, or whatever weights lie there."""
    if file == _STANDARD_INPUT:
        return parse_modelfile(sys.stdin.buffer.read())
    try:
        return parse_modelfile(Path(file or "Modelfile").read_bytes())
    except FileNotFoundError as error:
        if file is None:
            return parse_modelfile("FROM .")
        raise InvalidRequest("specified Modelfile wasn't found") from error
