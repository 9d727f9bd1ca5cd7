"""The commands that move models between registries and the server: ``pull`` and ``push``."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from arriero.cli.api import Api
from arriero.cli.flags import model_name
from arriero.cli.progress import ProgressBar
from arriero.store.progress import Progress

if TYPE_CHECKING:
    from ollama import ProgressResponse

_DIGEST_DIGITS = slice(7, 19)
_insecure = click.option("--insecure", is_flag=True, help="Speak plain http with the registry.")


@click.command()
@click.argument("model", type=model_name)
@_insecure
def pull(model: str, insecure: bool) -> None:
    """Fetch a MODEL.

    It is a name of Ollama's library, as qwen3:0.6b, or hf.co/USER/REPO:QUANTISATION.
    """
    with Api(os.environ) as api:
        pull_for_user(api, model, insecure=insecure)


def pull_for_user(api: Api, model: str, *, insecure: bool = False) -> None:
    """Have the server fetch a model, and tell how that goes. Raises ServerRefused."""
    follow(api.stream(lambda client: client.pull(model, insecure=insecure, stream=True)))


@click.command()
@click.argument("model", type=model_name)
@_insecure
def push(model: str, insecure: bool) -> None:
    """Put a MODEL into the registry that its name begins with."""
    with Api(os.environ) as api:
        follow(api.stream(lambda client: client.push(model, insecure=insecure, stream=True)))


def follow(steps: "Iterable[ProgressResponse]") -> None:
    """Show each step of a stream until it ends."""
    with ProgressBar() as bar:
        for step in steps:
            bar.show(to_progress(step))


def to_progress(step: "ProgressResponse") -> Progress:
    """A step as it is drawn: with a bar where it has a digest and a length."""
    status = step.status or f"pulling {(step.digest or '')[_DIGEST_DIGITS]}"
    if not step.digest or not step.total:
        return Progress(status)
    return Progress(status, step.total, step.completed or 0)
