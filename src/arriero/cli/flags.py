"""Checks that flags share."""

import click


def api_key_given(_context: click.Context, _flag: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty key: whoever gives one believes that the server is closed."""
    if value is not None and not value.strip():
        raise click.BadParameter("the key is empty")
    return value
