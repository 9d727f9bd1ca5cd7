"""The flags that both faces of the server have."""

import click


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
