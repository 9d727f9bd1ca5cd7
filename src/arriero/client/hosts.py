"""Servers as programs name them, and the models that they have."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from arriero.config import OLLAMA_PORT
from arriero.engines.upstream.server import connect
from arriero.errors import ArrieroError, ConfigError, InvalidRequest, ModelNotFound, UpstreamsDown
from arriero.runners.upstreams import Upstreams
from arriero.types.models import ModelRecord
from arriero.types.names import parse_name
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

_SCHEME_PORTS = {"http": 80, "https": 443}
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class ModelAt:
    """A model, and the server that has it. api_key: what that wants to be sent, if anything."""

    model: str
    url: str
    api_key: str | None = None


def host_url(host: str | None) -> str:
    """The URL of a host, written in any way that ``ollama.Client`` takes. Raises ConfigError for what is none."""
    text = (host or "").strip()
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    port = _SCHEME_PORTS.get(scheme.lower()) if separator else OLLAMA_PORT
    try:
        split = urlsplit(f"{scheme}://{rest}")
        port = split.port or port
        name = split.hostname or "127.0.0.1"
    except ValueError as error:
        raise _no_address(text) from error
    if port is None or any(letter.isspace() for letter in name):
        raise _no_address(text)
    path = split.path.strip("/")
    return f"{scheme.lower()}://{_reachable(name)}:{port}{f'/{path}' if path else ''}"


def _no_address(text: str) -> ConfigError:
    return ConfigError(f"{text!r} is no address of a server: give a URL, such as http://localhost:{OLLAMA_PORT}")


def _reachable(name: str) -> str:
    """A host to connect to: an address that means every interface is one to listen on."""
    with suppress(ValueError):
        address = ip_address(name)
        if address.is_unspecified:
            return "[::1]" if address.version == 6 else "127.0.0.1"
        return f"[{name}]" if address.version == 6 else name
    return name


class Host:
    """One server. From when it is opened, within an event loop, it is looked at again and again; not before."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._records: Sequence[ModelRecord] = ()
        self._opening: asyncio.Task[None] | None = None
        self.upstreams = Upstreams(connect, self._take)

    async def open(self, patience_s: float) -> None:
        """Find out what it is and what it has, once; it is waited for that at most so long."""
        if self._opening is None:
            opening = self.upstreams.set_servers([self._settings], patience_s)
            self._opening = asyncio.create_task(opening, name=f"first look at {self._settings.name}")
        await asyncio.shield(self._opening)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._opening is not None:
            self._opening.cancel()
        await self.upstreams.aclose()

    @property
    def kind(self) -> UpstreamKind | None:
        """What it is; None where it was never seen."""
        return next((replica.server.kind for replica in self.upstreams.replicas), None)

    def find(self, model: str) -> ModelRecord:
        """A model of its. Raises UpstreamsDown where it was never seen, ModelNotFound."""
        found = next((record for record in self._records if record.name == model), None) or self._like(model)
        if found is not None:
            return found
        raise self._missing(model)

    def _like(self, model: str) -> ModelRecord | None:
        """The model that is meant: names match in any case, and with the tag that they have by default."""
        with suppress(InvalidRequest):
            key = parse_name(model).key
            for record in self._records:
                with suppress(InvalidRequest):
                    if parse_name(record.name).key == key:
                        return record
        # An SGLang answers for the one model that it has, whatever that is called.
        return self._records[0] if self.kind == "sglang" and len(self._records) == 1 else None

    def _missing(self, model: str) -> ArrieroError:
        url = self._settings.url
        error = next((replica.error for replica in self.upstreams.replicas if replica.error), "")
        if error or not self._records:
            return UpstreamsDown(f"{model} cannot be asked: {error or f'{url} has told of no models yet'}")
        has = ", ".join([record.name for record in self._records][:_MOST_NAMED])
        hint = f"; pull it there: ollama pull {model}" if self.kind == "ollama" else ""
        return ModelNotFound(f"model {model!r} not found at {url}, which has {has}{hint}")

    def _take(self, records: Sequence[ModelRecord], _missing: str) -> None:
        self._records = records
