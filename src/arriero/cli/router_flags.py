"""A router that is given by flags."""

from arriero.cli.router_config import check_router
from arriero.errors import ConfigError
from arriero.router.settings import DEFAULT_NAME, RouterSettings


def router_of_flags(
    name: str | None, local: str | None, remote: str | None, judge: str | None
) -> tuple[RouterSettings, ...]:
    """The router that flags name, if they do. Raises ConfigError where one of them is missing."""
    if name is None and local is None and remote is None and judge is None:
        return ()
    if local is None or remote is None:
        raise ConfigError("a router needs both --local MODEL and --remote MODEL")
    return (check_router(RouterSettings(local, remote, judge, name=name or DEFAULT_NAME), "--router:"),)
