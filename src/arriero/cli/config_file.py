"""The configuration file: what is too much for flags."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
import platformdirs

from arriero.cli.router_config import TABLE as ROUTERS
from arriero.cli.router_config import check_together, read_routers
from arriero.config import variable
from arriero.errors import ConfigError
from arriero.router.settings import RouterSettings
from arriero.types.models import Capability
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

PATH_VARIABLE = "ARRIERO_CONFIG"
_FILE_NAME = "config.toml"
_TABLES = "upstreams"
_KNOWN = (_TABLES, ROUTERS)


class _Upstream(msgspec.Struct, forbid_unknown_fields=True):
    """``[upstreams.NAME]``: see ``UpstreamSettings``. api_key_env: the variable that holds the key."""

    url: str
    kind: UpstreamKind | None = None
    api_key: str | None = None
    api_key_env: str | None = None
    ca_file: str | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 600.0
    models: list[str] | dict[str, str] = msgspec.field(default_factory=list)
    capabilities: tuple[Capability, ...] | None = None
    cumulative: bool = False
    pass_through: bool | None = None


@dataclass(frozen=True, slots=True)
class UpstreamSource:
    """Where the servers are named that run elsewhere: flags and a file, which may change while the server runs.

    urls: by flag. api_key: for those. file: None for the usual one, which need not be there. routers: by flag.
    """

    urls: Sequence[str] = ()
    api_key: str | None = None
    file: str | None = None
    routers: Sequence[RouterSettings] = ()

    def read(self, environ: Mapping[str, str]) -> tuple[UpstreamSettings, ...]:
        """All of them, each under a name of its own. Raises ConfigError for what makes no sense."""
        path = find_file(self.file, environ)
        found = {settings.name: settings for settings in _of_file(_parse(path), path, environ)} if path else {}
        for url in dict.fromkeys(url.rstrip("/") for url in self.urls):
            name = _name_of(url, "--upstream")
            # Two URLs of one host and port, such as http:// and https://, are two servers.
            name = url if name in found else name
            found[name] = UpstreamSettings(name, url, api_key=_sendable(self.api_key, "--upstream-api-key"))
        return tuple(found.values())

    def read_routers(self, environ: Mapping[str, str]) -> tuple[RouterSettings, ...]:
        """All routers; of one in the file, flags of its name change the models only. Raises ConfigError."""
        path = find_file(self.file, environ)
        found = {each.name: each for each in (read_routers(path, _parse(path).get(ROUTERS, {})) if path else ())}
        for flags in self.routers:
            known = found.get(flags.name, flags)
            found[flags.name] = replace(known, local=flags.local, remote=flags.remote, judge=flags.judge or known.judge)
        return check_together(list(found.values()))


def find_file(flag: str | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file: the one that is named, else the usual one if it is there. Raises ConfigError."""
    named = flag or variable(environ, PATH_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(f"{'--config' if flag else PATH_VARIABLE}: {path} does not exist")
        return path
    home = variable(environ, "ARRIERO_HOME")
    directory = Path(home).expanduser() if home else platformdirs.user_config_path("arriero", appauthor=False)
    return path if (path := directory / _FILE_NAME).is_file() else None


# A file is whatever the user wrote until each table has been checked.
def _parse(path: Path) -> dict[str, Any]:
    try:
        file = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if unknown := [key for key in file if key not in _KNOWN]:
        raise ConfigError(
            f"{path}: nothing is called {unknown[0]}; servers elsewhere stand in [{_TABLES}.NAME], "
            f"routers in [{ROUTERS}.NAME]"
        )
    return file


def _of_file(file: dict[str, Any], path: Path, environ: Mapping[str, str]) -> list[UpstreamSettings]:
    tables = file.get(_TABLES, {})
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: {_TABLES} is no table; servers elsewhere stand in [{_TABLES}.NAME]")
    return [_settings(path, name, _read(path, name, table), environ) for name, table in tables.items()]


# A table is whatever the user wrote until it has been checked here.
def _read(path: Path, name: str, table: Any) -> _Upstream:
    try:
        return msgspec.convert(table, _Upstream)
    except msgspec.ValidationError as error:
        known = {"kind": get_args(UpstreamKind), "capabilities": get_args(Capability)}
        hint = next((f"; one of {', '.join(words)}" for key, words in known.items() if f"$.{key}" in str(error)), "")
        raise ConfigError(f"{path}: [{_TABLES}.{name}] {error}{hint}") from error


def _settings(path: Path, name: str, upstream: _Upstream, environ: Mapping[str, str]) -> UpstreamSettings:
    place = f"{path}: [upstreams.{name}]"
    _name_of(upstream.url, f"{place} url")
    api_key = upstream.api_key
    if upstream.api_key_env:
        api_key = variable(environ, upstream.api_key_env)
        if not api_key:
            raise ConfigError(f"{place} api_key_env: the variable {upstream.api_key_env} is not set")
    api_key = _sendable(api_key, f"{place} api_key")
    ca_file = Path(upstream.ca_file).expanduser() if upstream.ca_file else None
    if ca_file and not ca_file.is_file():
        raise ConfigError(f"{place} ca_file: {ca_file} does not exist")
    if min(upstream.connect_timeout_s, upstream.read_timeout_s) <= 0:
        raise ConfigError(f"{place} a timeout must be more than 0 seconds")
    models = upstream.models if isinstance(upstream.models, dict) else dict(zip(*[upstream.models] * 2, strict=True))
    if upstream.kind == "ollama" and any(here != there for here, there in models.items()):
        raise ConfigError(f"{place} models: requests go to an Ollama as they are, so its models keep their names")
    return UpstreamSettings(
        name,
        upstream.url.rstrip("/"),
        upstream.kind,
        api_key,
        ca_file,
        upstream.connect_timeout_s,
        upstream.read_timeout_s,
        models,
        upstream.capabilities,
        is_cumulative=upstream.cumulative,
        passes=upstream.pass_through,
    )


def _name_of(url: str, place: str) -> str:
    """Host and port of a URL. Raises ConfigError where it is none."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError as error:
        raise ConfigError(f"{place}: {url!r} is no URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or ".." in parts.hostname:
        raise ConfigError(f"{place}: give http://HOST:PORT or https://HOST[:PORT], not {url!r}")
    if parts.username is not None or parts.query or parts.fragment:
        # Not told again: there may be a password in it.
        raise ConfigError(f"{place}: give a URL without user, query and fragment, and the key by itself")
    name = f"{parts.hostname}:{parts.port}" if has_port else parts.hostname
    return name + parts.path.rstrip("/").removesuffix("/v1")


def _sendable(api_key: str | None, place: str) -> str | None:
    """A key that can stand in a header. Raises ConfigError for one that cannot."""
    if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
        raise ConfigError(f"{place}: the key has characters in it that cannot be sent")
    return api_key
