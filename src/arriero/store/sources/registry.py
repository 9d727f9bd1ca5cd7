"""Speaks to a registry of models: Ollama's protocol, which is that of container images, for one model.

Redirects are followed by hand: what proves who asks goes to the registry's own address and to no other.
"""

import asyncio
import platform
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from yarl import URL

from arriero.errors import SourceFailed, Unauthorized
from arriero.store.foreign_json import UnusableJson, decode_foreign
from arriero.store.manifest import MANIFEST_TYPE
from arriero.store.sources.registry_auth import parse_challenge, token_url
from arriero.types.names import ModelName
from arriero.version import OLLAMA_API_VERSION, __version__

OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_MAX_MANIFEST_BYTES = 1 << 24
_MAX_TOKEN_BYTES = 1 << 20
_MAX_ERROR_BYTES = 500
_MAX_REDIRECTS = 10
_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
# Ollama's registry keeps newer models from clients that call themselves older than the model.
_USER_AGENT = (
    f"ollama/{OLLAMA_API_VERSION} ({platform.machine().lower()} {platform.system().lower()}) arriero/{__version__}"
)


class RegistryFailed(SourceFailed):
    """A registry has refused or broken off. The status is the one that Ollama gives it."""

    status = 500


class TryAgain(Exception):
    """An answer is none, but the next one may be."""


class RegistryUnreachable(RegistryFailed):
    """There is no connection to the registry."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry is waited for.

    stall_s: how long no byte may come. tries: in a row without any progress. backoff_s: before the second one, twice
    as long before each further one.
    """

    connect_s: float = 20.0
    stall_s: float = 30.0
    tries: int = 6
    backoff_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a model is: everything of its addresses but the last part. base: scheme, host and port."""

    base: URL
    path: str
    tag: str

    @property
    def manifest(self) -> URL:
        """The manifest's address."""
        return self.base / "v2" / self.path / "manifests" / self.tag

    @property
    def uploads(self) -> URL:
        """Where blobs are handed in."""
        return self.base / "v2" / self.path / "blobs" / "uploads" / ""

    def blob(self, digest: str) -> URL:
        """A blob's address."""
        return self.base / "v2" / self.path / "blobs" / digest


def repository_of(name: ModelName, *, insecure: bool) -> Repository:
    """Return where a name's model is. insecure: over plain http. Raises SourceFailed where the host is no address."""
    try:
        base = URL(f"{'http' if insecure else 'https'}://{name.host}")
        return Repository(base.origin(), f"{name.namespace}/{name.model}", name.tag)
    except ValueError as error:
        raise RegistryFailed(f"{name.host!r} is not the address of a registry") from error


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. body: makes the body, once for each time that it is sent. follows: redirects are followed."""

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], AsyncIterator[bytes] | bytes] | None = None
    follows: bool = True


class Registry:
    """Connections for one repository, from ``async with`` to its end. Tokens are fetched as they are asked for."""

    def __init__(self, repository: Repository, patience: Patience) -> None:
        self.repository = repository
        self.patience = patience
        self._token = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self.patience.connect_s, sock_read=self.patience.stall_s
            ),
            headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"},
            # Contents are hashed and counted as they come.
            auto_decompress=False,
            # Proxies by the variables that Ollama reads too, but see _proxy.
            trust_env=False,
            read_bufsize=1 << 18,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def manifest(self) -> bytes:
        """Fetch the manifest's bytes. Raises RegistryFailed in Ollama's words, RegistryUnreachable without them."""
        ask = Ask("GET", self.repository.manifest, {"Accept": f"{MANIFEST_TYPE}, {OCI_MANIFEST_TYPE}"})
        try:
            async with self.send(ask) as response:
                if response.status == 404:
                    raise RegistryFailed("pull model manifest: file does not exist")
                if response.status >= 300:
                    raise RegistryFailed(f"pull model manifest: {response.status}: {await self._error_text(response)}")
                return await _read(response, _MAX_MANIFEST_BYTES)
        except Unauthorized as error:
            raise Unauthorized(f"pull model manifest: {error.message}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RegistryUnreachable(f"pull model manifest: {self.lost(error)}") from error

    def lost(self, error: Exception) -> str:
        """Say what is wrong, and what to do, where there is no connection."""
        host = self.repository.base.host_port_subcomponent
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, TryAgain):
            return f"the registry {host} has trouble of its own ({reason}); wait a while"
        hint = "check the network"
        if self.repository.base.scheme == "https" and isinstance(error, aiohttp.ClientSSLError):
            hint = "if it speaks plain http only, allow that with insecure"
        return f"the registry {host} cannot be reached ({reason}); {hint}"

    async def check(self, response: aiohttp.ClientResponse) -> None:
        """Raise TryAgain where another try may help, and Unauthorized or RegistryFailed where the answer is a no."""
        if response.status < 300:
            return
        text = f"{response.status}: {await self._error_text(response)}"
        if response.status in _WORTH_ANOTHER_TRY:
            raise TryAgain(text)
        if response.status == 403:
            raise Unauthorized(f"access denied: {self._who} refuses this ({text})")
        raise RegistryFailed(f"{self._who} answers {response.method} of {response.url.path} with {text}")

    @asynccontextmanager
    async def send(self, ask: Ask) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, with a token where one is wanted, and give its answer, whatever its status but 401.

        Raises Unauthorized, and what aiohttp raises where the connection fails.
        """
        response = await self._send_along(ask)
        try:
            if response.status == 401:
                response.release()
                await self._fetch_token(response)
                response = await self._send_along(ask)
            if response.status == 401:
                raise Unauthorized(f"unauthorized: {self._who} refuses this: {await self._error_text(response)}")
            yield response
        finally:
            # What has not been read to its end is not waited for: then the connection is closed.
            response.release()

    async def _send_along(self, ask: Ask) -> aiohttp.ClientResponse:
        """Send a request to where it is redirected to."""
        url = ask.url
        for _ in range(_MAX_REDIRECTS):
            response = await self._send_once(ask, url)
            location = response.headers.get("Location")
            if not (ask.follows and location and response.status in _REDIRECTS):
                return response
            response.release()
            url = resolve(url, location)
        raise RegistryFailed(f"{self._who} redirects in a circle")

    async def _send_once(self, ask: Ask, url: URL) -> aiohttp.ClientResponse:
        headers = dict(ask.headers)
        if self._token and url.origin() == self.repository.base:
            headers["Authorization"] = f"Bearer {self._token}"
        body = ask.body() if ask.body else None
        return await self._request(ask.method, url, headers, body)

    async def _request(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str] | None = None,
        body: AsyncIterator[bytes] | bytes | None = None,
    ) -> aiohttp.ClientResponse:
        if self.repository.base.scheme == "https" and url.scheme != "https":
            raise RegistryFailed(f"{self._who} points to plain http, where anybody could read and change what is sent")
        try:
            return await self._session.request(
                method,
                url,
                headers=headers,
                data=body,
                proxy=await asyncio.to_thread(_proxy, url),
                allow_redirects=False,
            )
        except aiohttp.ClientSSLError:  # a certificate's error is a ValueError too
            raise
        except ValueError as error:  # an address or a token that cannot be sent
            raise RegistryFailed(f"{self._who} wants a request that nobody can send ({error})") from error

    async def _fetch_token(self, refusal: aiohttp.ClientResponse) -> None:
        challenge = parse_challenge(refusal.headers.get("WWW-Authenticate", ""))
        if challenge is None or refusal.url.origin() != self.repository.base:
            raise Unauthorized(
                f"unauthorized: {self._who} asks for a password or a key, and arriero has none to give; "
                "use a registry that gives tokens to everybody"
            )
        async with await self._request("GET", token_url(challenge, self.repository.base)) as response:
            if response.status != 200:
                raise Unauthorized(f"unauthorized: {self._who} gives no token: {await self._error_text(response)}")
            try:
                answer = decode_foreign(await _read(response, _MAX_TOKEN_BYTES), _Token)
            except UnusableJson as error:
                raise Unauthorized(f"unauthorized: the token of {self._who} cannot be read ({error})") from error
        self._token = answer.token or answer.access_token

    async def _error_text(self, response: aiohttp.ClientResponse) -> str:
        """Return the beginning of an error's body as one line, or the status's own words.

        What another host says is not passed on: a registry could have it read out what only this machine may ask.
        """
        content = b""
        if response.url.origin() == self.repository.base:
            content = await response.content.read(_MAX_ERROR_BYTES)
        return " ".join(content.decode(errors="replace").split()) or response.reason or "no reason given"

    @property
    def _who(self) -> str:
        return f"the registry {self.repository.base.host_port_subcomponent}"


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


def resolve(url: URL, location: str) -> URL:
    """Return what a ``Location`` header means in the answer to a URL, without a user and a password.

    Raises RegistryFailed where it means nothing that can be asked.
    """
    refusal = RegistryFailed(f"the registry {url.host_port_subcomponent} points to {location!r}: no address")
    try:
        found = url.join(URL(location, encoded=True)).with_user(None)
    except ValueError as error:
        raise refusal from error
    if found.scheme not in {"http", "https"} or not found.raw_host:
        raise refusal
    return found


def _proxy(url: URL) -> str | None:
    """Return the proxy that the environment names for an address.

    aiohttp's own way reads ``~/.netrc`` as well, and hands its passwords to registries and to where they redirect.
    """
    host = url.host
    return None if not host or urllib.request.proxy_bypass(host) else urllib.request.getproxies().get(url.scheme)


async def _read(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    parts, size_bytes = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size_bytes += len(part)
        if size_bytes > most_bytes:
            raise RegistryFailed(f"{response.url.host} sends more than {most_bytes} bytes where few are due")
    return b"".join(parts)
