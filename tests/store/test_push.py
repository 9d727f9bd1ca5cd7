import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arriero.errors import ArrieroError, InvalidRequest, LoadFailed, ModelNotFound, Unauthorized
from arriero.store.blobs import Blobs
from arriero.store.layout import Store
from arriero.store.manifest import find_manifest, read_manifest
from arriero.store.progress import Progress, ignore_progress
from arriero.store.pull import blobs_of
from arriero.store.push import Pusher
from arriero.store.sources.registry import Patience, RegistryFailed
from arriero.types.names import parse_name
from tests.contract.models import add_layer
from tests.factories_store import stored
from tests.store.registry import TOKEN, FakeRegistry, digest_of, running_registry

PATIENCE = Patience(stall_s=5.0, tries=2, backoff_s=0.0)


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with running_registry() as registry:
        yield registry


@pytest.fixture
def store(tmp_path: Path, registry: FakeRegistry) -> Store:
    store = Store(tmp_path / "models")
    add_layer(store, stored(store, name_of(registry)), "system", "You are a mule.")
    return store


def name_of(registry: FakeRegistry) -> str:
    return f"{registry.host}/me/mule:v1"


async def push(store: Store, registry: FakeRegistry, name: str = "") -> list[Progress]:
    told: list[Progress] = []
    await Pusher([store], PATIENCE).push(name or name_of(registry), told.append, insecure=True)
    return told


def contents(store: Store, registry: FakeRegistry) -> dict[str, bytes]:
    path = find_manifest(store, parse_name(name_of(registry)))
    assert path is not None
    blobs = blobs_of(read_manifest(path).manifest)
    return {blob.digest: Blobs(store.blobs).path(blob.digest).read_bytes() for blob in blobs}


async def test_all_blobs_and_the_manifest_go_out(store: Store, registry: FakeRegistry) -> None:
    told = await push(store, registry)
    assert registry.blobs == contents(store, registry)
    path = find_manifest(store, parse_name(name_of(registry)))
    assert path
    assert registry.manifests == {"me/mule:v1": path.read_bytes()}
    # Ollama's command needs a step without a digest before all others.
    assert told[0] == Progress("retrieving manifest")
    assert told[-1] == Progress("pushing manifest")
    last = {step.digest: step for step in told if step.digest}
    assert all(step.status == f"pushing {digest[7:19]}" for digest, step in last.items())
    assert all(step.completed == step.total for step in last.values())
    assert len(last) == 3


async def test_what_the_registry_has_is_not_sent(store: Store, registry: FakeRegistry) -> None:
    await push(store, registry)
    registry.requests.clear()
    await push(store, registry)
    assert {seen.method for seen in registry.requests} == {"HEAD", "PUT"}
    assert [seen.path for seen in registry.requests if seen.method == "PUT"] == ["/v2/me/mule/manifests/v1"]


async def test_parts_go_where_the_registry_sends_them(store: Store, registry: FakeRegistry) -> None:
    async with running_registry() as elsewhere:
        registry.realm = f"http://{registry.host}/token"
        registry.uploads_elsewhere = f"http://localhost:{elsewhere.host.partition(':')[2]}"
        await push(store, registry)
        sent = {digest_of(bytes(content)): bytes(content) for content in elsewhere.uploads.values()}
        assert sent == contents(store, registry)
        assert {seen.authorization for seen in elsewhere.requests} == {None}
    md5s = [hashlib.md5(hashlib.md5(content).digest()).hexdigest() for content in contents(store, registry).values()]
    assert registry.etags == [f"{md5}-1" for md5 in md5s]


async def test_a_layer_of_another_model_is_taken_over_from_there(store: Store, registry: FakeRegistry) -> None:
    path = find_manifest(store, parse_name(name_of(registry)))
    assert path
    path.write_bytes(path.read_bytes().replace(b'"digest"', b'"from":"base:latest","digest"'))
    weights = blobs_of(read_manifest(path).manifest)[0]

    class Hidden(dict[str, bytes]):
        """Blobs that this repository does not show, though another one has them."""

        def get(self, key: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
            return None if key == weights.digest else super().get(key, default)

    registry.blobs = Hidden({weights.digest: b""})
    await push(store, registry)
    assert [seen.method for seen in registry.requests if seen.method == "PATCH"] == ["PATCH"] * 2


async def test_a_token_is_fetched_for_it(store: Store, registry: FakeRegistry) -> None:
    registry.realm = f"http://{registry.host}/token"
    await push(store, registry)
    assert registry.blobs == contents(store, registry)
    assert {seen.authorization for seen in registry.requests if seen.method == "PATCH"} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(("fault", "text"), [("wants_password", "unauthorized"), ("is_forbidden", "access denied")])
async def test_a_refusal_is_told_in_the_words_that_clients_look_for(
    store: Store, registry: FakeRegistry, fault: str, text: str
) -> None:
    setattr(registry, fault, True)
    with pytest.raises(Unauthorized, match=text):
        await push(store, registry)


@pytest.mark.parametrize(("name", "error"), [("nope", ModelNotFound), ("bad name", InvalidRequest)])
async def test_a_model_that_is_not_here(
    store: Store, registry: FakeRegistry, name: str, error: type[ArrieroError]
) -> None:
    told: list[Progress] = []
    with pytest.raises(error):
        await Pusher([store], PATIENCE).push(name, told.append)
    assert [step.status for step in told] == ["retrieving manifest", "couldn't retrieve manifest"]
    assert registry.requests == []


async def test_a_blob_that_is_damaged_is_not_sent(store: Store, registry: FakeRegistry) -> None:
    next(path for path in store.blobs.iterdir()).write_bytes(b"short")
    with pytest.raises(LoadFailed, match="is missing or damaged"):
        await push(store, registry)
    assert registry.manifests == {}


async def test_trouble_of_the_server_is_waited_out(store: Store, registry: FakeRegistry) -> None:
    registry.upload_statuses = [503]
    await push(store, registry)
    assert registry.blobs == contents(store, registry)


async def test_trouble_that_stays_is_told(store: Store, registry: FakeRegistry) -> None:
    registry.upload_statuses = [503, 503]
    with pytest.raises(RegistryFailed, match=r"has trouble of its own \(503: in trouble\); wait a while, then push"):
        await push(store, registry)
    assert registry.manifests == {}


async def test_an_empty_blob_and_a_large_one_go_out(store: Store, registry: FakeRegistry) -> None:
    path = find_manifest(store, parse_name(name_of(registry)))
    assert path
    add_layer(store, path, "license", "")
    add_layer(store, path, "license", "x" * (3 << 20))
    told = await push(store, registry)
    assert registry.blobs == contents(store, registry)
    assert [step.completed >> 20 for step in told if step.total == 3 << 20] == [0, 1, 2, 3, 3]


async def test_a_registry_that_takes_no_more_bytes_is_not_waited_for(store: Store, registry: FakeRegistry) -> None:
    registry.takes_nothing = True
    path = find_manifest(store, parse_name(name_of(registry)))
    assert path
    # More than the network takes on its own.
    add_layer(store, path, "license", "x" * (32 << 20))
    patience = Patience(connect_s=0.1, stall_s=0.2, tries=1)
    async with asyncio.timeout(10):
        with pytest.raises(RegistryFailed, match="then push again"):
            await Pusher([store], patience).push(name_of(registry), ignore_progress, insecure=True)


async def test_nobody_listening_is_told_as_such(store: Store) -> None:
    stored(store, "127.0.0.1:9/me/mule")
    with pytest.raises(RegistryFailed, match=r"the registry 127\.0\.0\.1:9 cannot be reached .*then push again"):
        await Pusher([store], PATIENCE).push("127.0.0.1:9/me/mule", ignore_progress, insecure=True)


async def test_a_name_that_says_local_is_the_model_of_that_name(store: Store, registry: FakeRegistry) -> None:
    await push(store, registry, f"{name_of(registry)}:local")
    with pytest.raises(InvalidRequest):
        await push(store, registry, f"{name_of(registry)}:cloud")
