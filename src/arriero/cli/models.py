"""The commands about models that are there: ``list``, ``ps``, ``show``, ``cp``, ``rm``, ``stop``."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from arriero.cli.api import Api
from arriero.cli.flags import model_name
from arriero.cli.model_tables import list_text, ps_text
from arriero.cli.show_text import show_text
from arriero.errors import InvalidRequest, ModelNotFound, ServerRefused

if TYPE_CHECKING:
    from arriero.cli.show_answer import Shown

_TEXTS = ("license", "modelfile", "parameters", "system", "template")


@click.command("list", short_help="List the models that are here (ls for short).")
@click.argument("prefix", default="")
def list_models(prefix: str) -> None:
    """List the models that are here, those whose names begin with PREFIX."""
    with Api(os.environ) as api:
        models = api.call(lambda client: client.list()).models
    click.echo(list_text(models, prefix, datetime.now(UTC)))


@click.command(short_help="List the models that are loaded.")
@click.argument("prefix", default="")
def ps(prefix: str) -> None:
    """List the models that are loaded, those whose names begin with PREFIX."""
    with Api(os.environ) as api:
        models = api.call(lambda client: client.ps()).models
    click.echo(ps_text(models, prefix, datetime.now(UTC)))


@click.command()
@click.argument("model", type=model_name)
@click.option("--license", is_flag=True, help="Print its license.")
@click.option("--modelfile", is_flag=True, help="Print a Modelfile that makes it again.")
@click.option("--parameters", is_flag=True, help="Print its parameters.")
@click.option("--system", is_flag=True, help="Print its system prompt.")
@click.option("--template", is_flag=True, help="Print its template.")
@click.option("-v", "--verbose", is_flag=True, help="Show all metadata and tensors, too.")
def show(model: str, verbose: bool, **parts: bool) -> None:
    """Show what a MODEL is."""
    wanted = [part for part in _TEXTS if parts[part]]
    if len(wanted) > 1:
        *most, last = (f"'--{part}'" for part in _TEXTS)
        raise InvalidRequest(f"only one of {', '.join(most)}, or {last} can be specified")
    with Api(os.environ) as api:
        shown = api.show(model, verbose=verbose)
    click.echo(part_text(shown, wanted[0]) if wanted else show_text(shown, verbose=verbose))


def part_text(shown: "Shown", part: str) -> str:
    """One of a model's texts."""
    assert part in _TEXTS
    return str(getattr(shown, part))


@click.command()
@click.argument("source")
@click.argument("destination")
def cp(source: str, destination: str) -> None:
    """Copy a model: DESTINATION becomes what SOURCE is now."""
    with Api(os.environ) as api:
        api.call(lambda client: client.copy(source, destination))
    click.echo(f"copied '{source}' to '{destination}'")


@click.command()
@click.argument("models", type=model_name, nargs=-1, required=True, metavar="MODEL...")
def rm(models: tuple[str, ...]) -> None:
    """Remove models, each unloaded first."""
    with Api(os.environ) as api:
        for model in models:
            remove(api, model)
            click.echo(f"deleted '{model}'")


def remove(api: Api, model: str) -> None:
    """Unload a model and delete it. Raises ServerRefused."""
    try:
        unload(api, model)
    except ModelNotFound:
        # For the deletion to say: what is left of a broken model can still be deleted.
        pass
    except ServerRefused as error:
        click.echo(f"Warning: '{model}' could not be unloaded: {error}", err=True)
    api.call(lambda client: client.delete(model))


@click.command()
@click.argument("model", type=model_name)
def stop(model: str) -> None:
    """Unload a MODEL that is loaded."""
    try:
        with Api(os.environ) as api:
            unload(api, model)
    except ModelNotFound as error:
        raise InvalidRequest(f'couldn\'t find model "{model}" to stop') from error


def unload(api: Api, model: str) -> None:
    """Have a model unloaded. Raises ModelNotFound where there is none of the name."""
    try:
        api.show(model)
        api.call(lambda client: client.generate(model, keep_alive=0))
    except ServerRefused as error:
        if "not found" in error.message:
            raise ModelNotFound(error.message) from error
        raise
