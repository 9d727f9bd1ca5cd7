"""Flags and arguments that several commands have."""

import click

from arriero.cli.config_file import PATH_VARIABLE
from arriero.types.sizes import parse_size


def model_name(text: str) -> str:
    """A model's name: any text. An empty one, which only a script gone wrong can mean, is refused."""
    if not text.strip():
        raise click.BadParameter("the name is empty")
    return text


class _Size(click.ParamType[int]):
    """A number of bytes, as people write it."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes. Ends the command where it cannot be read."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _api_key_given(_context: click.Context, _flag: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty key: whoever gives one believes that the server is closed."""
    if value is not None and not value.strip():
        raise click.BadParameter("the key is empty")
    return value


api_key = click.option(
    "--api-key",
    metavar="KEY",
    envvar="ARRIERO_API_KEY",
    show_envvar=True,
    callback=_api_key_given,
    help="Ask every request for this key.",
)
llama_server = click.option(
    "--llama-server",
    metavar="PATH",
    help="Run this llama-server, not the built-in one or one on the PATH; 'wheel': the built-in.",
)
upstream = click.option(
    "--upstream",
    "upstreams",
    metavar="URL",
    multiple=True,
    help="Serve the models of this SGLang, vLLM, llama-server, Ollama or other OpenAI server; may be repeated.",
)
upstream_api_key = click.option(
    "--upstream-api-key",
    metavar="KEY",
    envvar="ARRIERO_UPSTREAM_API_KEY",
    show_envvar=True,
    callback=_api_key_given,
    help="The key that those servers want.",
)
config_file = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    envvar=PATH_VARIABLE,
    show_envvar=True,
    help="A TOML file with [upstreams.NAME] and [router.NAME] tables.",
)
router = click.option(
    "--router",
    metavar="NAME",
    help="Serve a model of this name that has --local answer what is simple, and --remote the rest.",
)
router_local = click.option("--local", metavar="MODEL", help="The router's small model.")
router_remote = click.option("--remote", metavar="MODEL", help="The router's powerful model.")
router_judge = click.option("--judge", metavar="MODEL", help="The model that says how hard a request is.")
memory = click.option(
    "--memory",
    "memory_bytes",
    metavar="SIZE",
    type=_Size(),
    help="Memory for all models together, such as 6GiB.  [default: what is free]",
)
