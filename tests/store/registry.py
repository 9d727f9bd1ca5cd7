"""A registry on loopback: Ollama's protocol, with faults on request."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from arriero.store.layout import Store
from arriero.store.manifest import LAYER_PREFIX, MANIFEST_TYPE, find_manifest
from arriero.store.pull import blobs_of, parse_manifest
from arriero.types.names import parse_name

TOKEN = "let-me-in"


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class FakeRegistry:
    """What the registry has and how it misbehaves.

    host: as a model's name has it. manifests: by "namespace/model:tag". cuts: for the next answers with a blob, after
    how many bytes the connection breaks. statuses: what the next requests for blobs are answered with. stalls: blobs
    are sent up to their middle, then nothing comes until ``gate`` is set; ``reached`` is set when one is there.
    elsewhere: where blobs are redirected to. realm: tokens are wanted, and given out here. uploads_elsewhere: where
    parts of uploads are redirected to. upload_statuses: what the next parts are answered with. is_endless: blobs are
    followed by other bytes for ever. content_range: what every answer with a blob says of itself. takes_nothing: large
    parts of uploads are not read until ``gate`` is set.
    """

    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    manifest_status: int = 0
    requests: list[Seen] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    has_ranges: bool = True
    stalls: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    elsewhere: str = ""
    realm: str = ""
    token: str = TOKEN
    is_endless: bool = False
    content_range: str = ""
    takes_nothing: bool = False
    wants_password: bool = False
    is_forbidden: bool = False
    uploads_elsewhere: str = ""
    upload_statuses: list[int] = field(default_factory=list)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    etags: list[str] = field(default_factory=list)

    def put(self, name: str, *contents: bytes) -> bytes:
        """Have a model of these layers and a config; return its manifest."""
        layers = [self._layer(f"{LAYER_PREFIX}model", content) for content in contents]
        config = self._layer("application/vnd.docker.container.image.v1+json", b'{"model_format":"gguf"}')
        # The spaces are the registry's own: what is stored must be these bytes.
        content = json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": layers}, indent=1
        ).encode()
        self.manifests[name] = content
        return content

    def publish(self, store: Store, name: str) -> None:
        """Have a model that lies in a store."""
        path = find_manifest(store, parse_name(name))
        assert path is not None
        parsed = parse_name(name)
        content = path.read_bytes()
        self.manifests[f"{parsed.namespace}/{parsed.model}:{parsed.tag}"] = content
        for blob in blobs_of(parse_manifest(content)):
            self.blobs[blob.digest] = (store.blobs / blob.digest.replace(":", "-")).read_bytes()

    def sent(self, digest: str, method: str = "GET") -> list[Seen]:
        """The requests for a blob."""
        return [seen for seen in self.requests if seen.method == method and seen.path.endswith(digest)]

    def _layer(self, media_type: str, content: bytes) -> dict[str, object]:
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@asynccontextmanager
async def running_registry(host: str = "127.0.0.1") -> AsyncIterator[FakeRegistry]:
    """Serve an empty registry for as long as the context lasts."""
    registry = FakeRegistry()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", _Handler(registry).answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0)
        await site.start()
        registry.host = f"{host}:{runner.addresses[0][1]}"
        yield registry
    finally:
        registry.gate.set()
        await runner.cleanup()


class _Handler:
    def __init__(self, registry: FakeRegistry) -> None:
        self._registry = registry

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path, headers = request.path, request.headers
        self._registry.requests.append(Seen(request.method, path, headers.get("Range"), headers.get("Authorization")))
        if path == "/token":
            return web.json_response({"token": self._registry.token})
        if refusal := self._refusal(request):
            return refusal
        if "/manifests/" in path:
            return await self._manifest(request)
        if "/blobs/uploads/" in path:
            return await self._upload(request)
        return await self._blob(request, path.rpartition("/")[2])

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self._registry.wants_password:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})
        if self._registry.is_forbidden and request.method == "POST":
            return web.Response(status=403, text='{"errors":[{"code":"DENIED"}]}')
        if self._registry.realm and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = f'Bearer realm="{self._registry.realm}",service="models",scope="repository:x:pull,push other"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return None

    async def _manifest(self, request: web.Request) -> web.Response:
        repository, _, tag = request.path.removeprefix("/v2/").partition("/manifests/")
        if request.method == "PUT":
            self._registry.manifests[f"{repository}:{tag}"] = await request.read()
            return web.Response(status=201)
        if self._registry.manifest_status:
            return web.Response(status=self._registry.manifest_status, text="no luck today")
        content = self._registry.manifests.get(f"{repository}:{tag}")
        return web.Response(status=404) if content is None else web.Response(body=content, content_type=MANIFEST_TYPE)

    async def _blob(self, request: web.Request, digest: str) -> web.StreamResponse:
        registry = self._registry
        if registry.statuses:
            return web.Response(status=registry.statuses.pop(0), text="in trouble")
        content = registry.blobs.get(digest)
        if content is None:
            return web.Response(status=404)
        if request.method == "HEAD":
            return web.Response(headers={"Content-Length": str(len(content))})
        if registry.elsewhere:
            return web.Response(status=307, headers={"Location": f"{registry.elsewhere}/store/{digest}?signed=a%2Bb"})
        status, headers = 200, {}
        if registry.has_ranges and (asked := request.headers.get("Range")):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            status, headers = 206, {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
            content = content[int(first) : int(last) + 1]
        if registry.content_range:
            status, headers = 206, {"Content-Range": registry.content_range}
        return await self._send(request, web.StreamResponse(status=status, headers=headers), content)

    async def _send(self, request: web.Request, response: web.StreamResponse, content: bytes) -> web.StreamResponse:
        registry = self._registry
        if registry.is_endless:
            return await self._send_for_ever(request, response, content)
        response.content_length = len(content)
        await response.prepare(request)
        if registry.stalls and not registry.gate.is_set():
            middle = len(content) // 2
            await response.write(content[:middle])
            registry.reached.set()
            await registry.gate.wait()
            content = content[middle:]
        if registry.cuts:
            await response.write(content[: registry.cuts.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(content)
        return response

    async def _send_for_ever(
        self, request: web.Request, response: web.StreamResponse, content: bytes
    ) -> web.StreamResponse:
        await response.prepare(request)
        while not self._registry.gate.is_set():
            await response.write(content)
            await asyncio.sleep(0)
        return response

    async def _upload(self, request: web.Request) -> web.Response:
        registry, query = self._registry, request.query
        key = request.path.rpartition("/")[2]
        place = f"{request.path if key else request.path + uuid.uuid4().hex}?state=a%3D%3D"
        if request.method == "POST":
            is_mounted = query.get("mount") in registry.blobs and query.get("from") == "library/base"
            return web.Response(status=201 if is_mounted else 202, headers={"Location": place})
        if "digest" in query:
            return self._commit(key, query["digest"], query["etag"])
        if registry.upload_statuses:
            return web.Response(status=registry.upload_statuses.pop(0), text="in trouble")
        if registry.takes_nothing and (request.content_length or 0) > 1 << 20:
            await registry.gate.wait()
        content = await request.read()
        if registry.uploads_elsewhere and request.headers.get("X-Redirect-Uploads"):
            there = f"{registry.uploads_elsewhere}/v2/x/blobs/uploads/{key}"
            return web.Response(status=307, headers={"Location": there, "Docker-Upload-Location": place})
        registry.uploads.setdefault(key, bytearray()).extend(content)
        return web.Response(status=202, headers={"Location": place})

    def _commit(self, key: str, digest: str, etag: str) -> web.Response:
        registry = self._registry
        content = bytes(registry.uploads.pop(key, bytearray()))
        registry.etags.append(etag)
        if digest_of(content) != digest and not registry.uploads_elsewhere:
            return web.Response(status=400, text="DIGEST_INVALID")
        registry.blobs[digest] = content
        return web.Response(status=201)
