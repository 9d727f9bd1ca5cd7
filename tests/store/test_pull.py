import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arriero.errors import SourceFailed, Unauthorized
from arriero.store.blobs import Blob, Blobs
from arriero.store.holds import Holds
from arriero.store.layout import Store
from arriero.store.manifest import manifest_path
from arriero.store.progress import Progress, ProgressCallback, ignore_progress
from arriero.store.pull import RegistryPuller
from arriero.store.sharing import Sharing
from arriero.store.sources.registry import Patience, RegistryFailed, RegistryUnreachable, repository_of
from arriero.types.names import parse_name
from tests.store.registry import TOKEN, FakeRegistry, digest_of, running_registry

WEIGHTS = bytes(range(256)) * 1000
LICENSE = b"Do as you like."
DIGEST = digest_of(WEIGHTS)
CONFIG = digest_of(b'{"model_format":"gguf"}')
ONE_TRY = Patience(stall_s=5.0, tries=1, backoff_s=0.0)
TRIES = Patience(stall_s=5.0, tries=3, backoff_s=0.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with running_registry() as registry:
        registry.put("library/tiny:latest", WEIGHTS, LICENSE)
        yield registry


def reference(registry: FakeRegistry) -> str:
    return f"{registry.host}/library/tiny"


async def pull(store: Store, registry: FakeRegistry, patience: Patience = TRIES) -> list[Progress]:
    told: list[Progress] = []
    puller = RegistryPuller(store, Sharing(), Holds(), patience)
    await puller.pull(parse_name(reference(registry)), told.append, insecure=True)
    return told


def blob(store: Store, digest: str) -> Path:
    return Blobs(store.blobs).path(digest)


def is_complete(store: Store, registry: FakeRegistry) -> bool:
    manifest = manifest_path(store, parse_name(reference(registry)))
    contents = {WEIGHTS: DIGEST, LICENSE: digest_of(LICENSE)}
    return (
        manifest.read_bytes() == registry.manifests["library/tiny:latest"]
        and all(blob(store, digest).read_bytes() == content for content, digest in contents.items())
        and not partials(store)
    )


def partials(store: Store) -> list[str]:
    return sorted(path.name for path in store.root.rglob("*-partial*"))


def has_model(store: Store) -> bool:
    return any(path.is_file() for path in store.manifests.rglob("*"))


def half_of_ollamas(store: Store, parts: int, completed: int) -> None:
    """Leave what Ollama leaves when it is stopped: so many parts, and so many bytes in each."""
    size = len(WEIGHTS) // parts
    partial = blob(store, DIGEST).with_name(f"{blob(store, DIGEST).name}-partial")
    partial.parent.mkdir(parents=True)
    content = bytearray(len(WEIGHTS))
    for n in range(parts):
        content[n * size : n * size + completed] = WEIGHTS[n * size : n * size + completed]
        state = {"N": n, "Offset": n * size, "Size": size, "Completed": completed}
        partial.with_name(f"{partial.name}-{n}").write_text(json.dumps(state))
    partial.write_bytes(content)


async def test_a_model_is_stored_byte_for_byte(store: Store, registry: FakeRegistry) -> None:
    told = await pull(store, registry)
    assert is_complete(store, registry)
    short = DIGEST.removeprefix("sha256:")[:12]
    assert told[0] == Progress("pulling manifest")
    assert told[1] == Progress(f"pulling {short}", len(WEIGHTS), 0, DIGEST)
    assert [step.status for step in told[-2:]] == ["verifying sha256 digest", "writing manifest"]
    last = {step.digest: step for step in told if step.digest}
    assert list(last) == [DIGEST, digest_of(LICENSE), CONFIG]
    assert all(step.completed == step.total for step in last.values())


async def test_what_is_here_is_told_once_and_not_fetched(store: Store, registry: FakeRegistry) -> None:
    await pull(store, registry)
    registry.requests.clear()
    told = await pull(store, registry)
    assert [seen.path for seen in registry.requests] == ["/v2/library/tiny/manifests/latest"]
    assert [step.completed == step.total for step in told if step.digest] == [True] * 3
    assert [step.status for step in told if not step.digest] == [
        "pulling manifest",
        "verifying sha256 digest",
        "writing manifest",
    ]


async def test_what_a_killed_download_has_left_beside_a_complete_blob_goes(
    store: Store, registry: FakeRegistry
) -> None:
    await pull(store, registry)
    complete = blob(store, DIGEST)
    for name in (f"{complete.name}-partial-0", f".{complete.name}-partial-1"):
        complete.with_name(name).write_text("{}")
    await pull(store, registry)
    assert is_complete(store, registry)


async def test_a_blob_of_the_wrong_size_does_not_count_as_here(store: Store, registry: FakeRegistry) -> None:
    blob(store, DIGEST).parent.mkdir(parents=True)
    blob(store, DIGEST).write_bytes(WEIGHTS[:-1])
    await pull(store, registry)
    assert is_complete(store, registry)


async def test_a_model_comes_in_four_interrupted_pieces(store: Store, registry: FakeRegistry) -> None:
    quarter = len(WEIGHTS) // 4
    for piece in range(3):
        registry.cuts = [quarter]
        with pytest.raises(RegistryFailed, match="pull again to go on"):
            await pull(store, registry, ONE_TRY)
        assert not has_model(store)
        assert not blob(store, DIGEST).exists()
        assert registry.sent(DIGEST)[-1].range == f"bytes={piece * quarter}-{len(WEIGHTS) - 1}"
    await pull(store, registry, ONE_TRY)
    assert is_complete(store, registry)
    assert registry.sent(DIGEST)[-1].range == f"bytes={3 * quarter}-{len(WEIGHTS) - 1}"


async def test_a_connection_that_brings_something_each_time_is_not_given_up(
    store: Store, registry: FakeRegistry
) -> None:
    registry.cuts = [len(WEIGHTS) // 20] * 15
    await pull(store, registry, Patience(tries=2, backoff_s=0.0))
    assert is_complete(store, registry)


async def test_a_download_that_ollama_has_begun_is_gone_on_with(store: Store, registry: FakeRegistry) -> None:
    half_of_ollamas(store, parts=8, completed=1000)
    told = await pull(store, registry)
    assert told[1].completed == 8000
    assert is_complete(store, registry)
    size = len(WEIGHTS) // 8
    assert sorted(seen.range or "" for seen in registry.sent(DIGEST)) == sorted(
        f"bytes={n * size + 1000}-{(n + 1) * size - 1}" for n in range(8)
    )


@pytest.mark.parametrize("damage", ['{"N":0,', '{"N":0,"Offset":0,"Size":1,"Completed":0}', "[]"])
async def test_marks_that_make_no_sense_begin_the_blob_anew(store: Store, registry: FakeRegistry, damage: str) -> None:
    half_of_ollamas(store, parts=8, completed=1000)
    next(store.blobs.glob("*-partial-3")).write_text(damage)
    told = await pull(store, registry)
    assert told[1].completed == 0
    assert is_complete(store, registry)


async def test_bytes_that_are_not_the_blobs_are_thrown_away(store: Store, registry: FakeRegistry) -> None:
    registry.blobs[DIGEST] = bytes(len(WEIGHTS))
    with pytest.raises(SourceFailed, match=f"^digest mismatch, file must be downloaded again: want {DIGEST}, got "):
        await pull(store, registry)
    assert not has_model(store)
    assert partials(store) == []
    registry.blobs[DIGEST] = WEIGHTS
    await pull(store, registry)
    assert is_complete(store, registry)


@pytest.mark.parametrize("has_ranges", [True, False])
async def test_a_blob_of_another_size_than_announced_is_refused(
    store: Store, registry: FakeRegistry, *, has_ranges: bool
) -> None:
    registry.blobs[DIGEST] = WEIGHTS + b"more"
    registry.has_ranges = has_ranges
    with pytest.raises(RegistryFailed, match=r"has 256004 bytes at the registry and 256000 in the manifest"):
        await pull(store, registry)
    assert not has_model(store)


async def test_an_answer_without_end_ends_with_the_blob(store: Store, registry: FakeRegistry) -> None:
    registry.is_endless = True
    async with asyncio.timeout(5):
        await pull(store, registry)
    assert is_complete(store, registry)


async def test_a_server_that_never_sends_what_it_is_asked_for_is_told_of(store: Store, registry: FakeRegistry) -> None:
    registry.content_range = f"bytes 7-9/{len(WEIGHTS)}"
    with pytest.raises(RegistryFailed, match=r"does not send sha256:.* as it is asked to"):
        await pull(store, registry)


async def test_what_fails_for_another_model_is_tried_for_this_one(store: Store, registry: FakeRegistry) -> None:
    is_joined = asyncio.Event()

    async def fail(tell: ProgressCallback) -> None:
        tell(Progress("another model's"))
        await is_joined.wait()
        raise RegistryFailed("not for you")

    def look(step: Progress) -> None:
        if step.status == "another model's":
            is_joined.set()

    name, downloads = parse_name(reference(registry)), Sharing()
    key = (repository_of(name, insecure=True).base, Blob(DIGEST, len(WEIGHTS)))
    others = asyncio.ensure_future(downloads.run(key, fail, ignore_progress))
    await asyncio.sleep(0)
    await RegistryPuller(store, downloads, Holds(), ONE_TRY).pull(name, look, insecure=True)
    assert is_joined.is_set()
    assert is_complete(store, registry)
    with pytest.raises(RegistryFailed, match="not for you"):
        await others


async def test_a_server_without_ranges_sends_it_whole(store: Store, registry: FakeRegistry) -> None:
    half_of_ollamas(store, parts=8, completed=1000)
    registry.has_ranges = False
    await pull(store, registry)
    assert is_complete(store, registry)


async def test_without_ranges_a_broken_download_begins_again(store: Store, registry: FakeRegistry) -> None:
    registry.has_ranges = False
    registry.cuts = [1000]
    await pull(store, registry)
    assert is_complete(store, registry)
    assert [seen.range for seen in registry.sent(DIGEST)][1:] == [f"bytes=1000-{len(WEIGHTS) - 1}", None]


async def test_a_redirect_elsewhere_takes_no_token_along(store: Store, registry: FakeRegistry) -> None:
    async with running_registry() as elsewhere:
        elsewhere.blobs = registry.blobs
        registry.realm = f"http://{registry.host}/token"
        registry.elsewhere = f"http://localhost:{elsewhere.host.partition(':')[2]}"
        await pull(store, registry)
        assert is_complete(store, registry)
        assert {seen.authorization for seen in elsewhere.requests} == {None}
    tokens = [seen.authorization for seen in registry.sent(DIGEST)]
    assert tokens == [None, f"Bearer {TOKEN}"]


@pytest.mark.parametrize("elsewhere", ["http://[bad", "http://h:99999", "file:///etc", "mailto:x"])
async def test_a_redirect_to_nowhere_is_told(store: Store, registry: FakeRegistry, elsewhere: str) -> None:
    registry.elsewhere = elsewhere
    with pytest.raises(RegistryFailed, match=r"points to '.*/store/.*: no address"):
        await pull(store, registry)


async def test_a_redirect_with_a_password_takes_neither_it_nor_a_token_along(
    store: Store, registry: FakeRegistry
) -> None:
    async with running_registry() as elsewhere:
        elsewhere.blobs = registry.blobs
        registry.realm = f"http://{registry.host}/token"
        registry.elsewhere = f"http://user:secret@{elsewhere.host}"
        await pull(store, registry)
        assert {seen.authorization for seen in elsewhere.requests} == {None}


async def test_a_token_that_cannot_be_sent_is_told(store: Store, registry: FakeRegistry) -> None:
    registry.realm, registry.token = f"http://{registry.host}/token", "a\r\nb: c"
    with pytest.raises(RegistryFailed, match=r"wants a request that nobody can send"):
        await pull(store, registry)


async def test_passwords_for_other_programs_go_nowhere(
    store: Store, registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\nmachine localhost login c password d\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    async with running_registry() as elsewhere:
        elsewhere.blobs = registry.blobs
        registry.elsewhere = f"http://localhost:{elsewhere.host.partition(':')[2]}"
        await pull(store, registry)
        assert {seen.authorization for seen in (*registry.requests, *elsewhere.requests)} == {None}


async def test_the_proxy_of_the_environment_is_asked(
    store: Store, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{registry.host}")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    puller = RegistryPuller(store, Sharing(), Holds(), ONE_TRY)
    await puller.pull(parse_name("models.example/library/tiny"), ignore_progress, insecure=True)
    assert blob(store, DIGEST).read_bytes() == WEIGHTS


async def test_a_redirect_in_a_circle_is_told(store: Store, registry: FakeRegistry) -> None:
    registry.elsewhere = f"http://{registry.host}"
    with pytest.raises(RegistryFailed, match="redirects in a circle"):
        await pull(store, registry)


async def test_what_another_host_says_is_not_told(store: Store, registry: FakeRegistry) -> None:
    async with running_registry() as elsewhere:
        elsewhere.statuses = [404]
        registry.elsewhere = f"http://localhost:{elsewhere.host.partition(':')[2]}"
        with pytest.raises(RegistryFailed, match=r"404: Not Found$"):
            await pull(store, registry)


async def test_a_token_from_another_host_is_refused(store: Store, registry: FakeRegistry) -> None:
    registry.realm = "https://tokens.example/token"
    with pytest.raises(Unauthorized, match=r"unauthorized: .*wants a token from 'https://tokens\.example/token'"):
        await pull(store, registry)


async def test_a_registry_that_wants_a_password_is_told_of(store: Store, registry: FakeRegistry) -> None:
    registry.wants_password = True
    with pytest.raises(Unauthorized, match=r"unauthorized: .* asks for a password or a key"):
        await pull(store, registry)


async def test_a_model_that_the_registry_does_not_have(store: Store, registry: FakeRegistry) -> None:
    registry.manifests.clear()
    with pytest.raises(RegistryFailed, match=r"^pull model manifest: file does not exist$") as caught:
        await pull(store, registry)
    assert caught.value.status == 500


async def test_another_error_is_told_as_it_is(store: Store, registry: FakeRegistry) -> None:
    registry.manifest_status = 418
    with pytest.raises(RegistryFailed, match=r"^pull model manifest: 418: no luck today$"):
        await pull(store, registry)


async def test_an_empty_blob_needs_no_bytes(store: Store, registry: FakeRegistry) -> None:
    registry.put("library/tiny:latest", b"")
    await pull(store, registry)
    assert blob(store, digest_of(b"")).read_bytes() == b""
    assert registry.sent(digest_of(b"")) == []


async def test_trouble_of_the_server_is_waited_out(store: Store, registry: FakeRegistry) -> None:
    registry.statuses = [500, 503]
    await pull(store, registry)
    assert is_complete(store, registry)


async def test_trouble_that_stays_is_told(store: Store, registry: FakeRegistry) -> None:
    registry.statuses = [500] * 3
    with pytest.raises(RegistryFailed, match=r"has trouble of its own \(500: in trouble\)"):
        await pull(store, registry)


async def test_a_blob_that_is_missing_is_not_asked_for_again(store: Store, registry: FakeRegistry) -> None:
    del registry.blobs[DIGEST]
    with pytest.raises(RegistryFailed, match=rf"GET of /v2/library/tiny/blobs/{DIGEST} with 404"):
        await pull(store, registry)
    assert len(registry.sent(DIGEST)) == 1


async def test_a_download_that_stalls_is_asked_for_again(store: Store, registry: FakeRegistry) -> None:
    registry.stalls = True
    pulling = asyncio.ensure_future(pull(store, registry, Patience(stall_s=0.1, tries=3, backoff_s=0.0)))
    await registry.reached.wait()
    registry.stalls = False
    await pulling
    assert is_complete(store, registry)


async def test_nobody_listening_is_told_as_such(store: Store) -> None:
    puller = RegistryPuller(store, Sharing(), Holds(), ONE_TRY)
    with pytest.raises(RegistryUnreachable, match=r"the registry 127\.0\.0\.1:9 cannot be reached .*check the network"):
        await puller.pull(parse_name("127.0.0.1:9/library/x"), ignore_progress, insecure=True)


async def test_plain_http_has_to_be_allowed(store: Store, registry: FakeRegistry) -> None:
    puller = RegistryPuller(store, Sharing(), Holds(), ONE_TRY)
    with pytest.raises(RegistryUnreachable, match=r"if it speaks plain http only, allow that with insecure"):
        await puller.pull(parse_name(reference(registry)), ignore_progress, insecure=False)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"config":{"mediaType":"x","digest":"sha256:../../x","size":1},"layers":[]}',
        b'{"config":{"mediaType":"x","digest":"sha256:%s","size":-1}}' % (b"0" * 64),
        b'{"config":{"mediaType":"x","digest":"sha256:%s","size":%s}}' % (b"0" * 64, b"9" * 400),
        b'{"config":{"mediaType":"x","digest":"sha256:%s","size":1},"x":%s}' % (b"0" * 64, b"[" * 5000 + b"]" * 5000),
    ],
)
async def test_what_is_no_manifest_is_refused(store: Store, registry: FakeRegistry, content: bytes) -> None:
    registry.manifests["library/tiny:latest"] = content
    with pytest.raises(RegistryFailed, match=r"^pull model manifest: "):
        await pull(store, registry)
    assert not has_model(store)


async def test_a_model_that_is_not_gguf_is_refused_before_it_is_downloaded(
    store: Store, registry: FakeRegistry
) -> None:
    manifest = registry.manifests["library/tiny:latest"]
    registry.manifests["library/tiny:latest"] = manifest.replace(b"image.model", b"image.tensor")
    with pytest.raises(RegistryFailed, match=r"requires MLX support"):
        await pull(store, registry)
    assert registry.sent(DIGEST) == []


async def test_what_only_the_old_model_needed_is_removed(store: Store, registry: FakeRegistry) -> None:
    await pull(store, registry)
    registry.put("library/tiny:latest", b"new weights", LICENSE)
    told = await pull(store, registry)
    assert told[-1] == Progress("removing unused layers")
    assert not blob(store, DIGEST).exists()
    assert blob(store, digest_of(LICENSE)).is_file()


async def test_cancelled_in_the_middle_it_goes_on_there(store: Store, registry: FakeRegistry) -> None:
    registry.stalls = True
    is_half_here = asyncio.Event()

    def look(step: Progress) -> None:
        if step.completed == len(WEIGHTS) // 2:
            is_half_here.set()

    puller = RegistryPuller(store, Sharing(), Holds(), TRIES)
    pulling = asyncio.ensure_future(puller.pull(parse_name(reference(registry)), look, insecure=True))
    await is_half_here.wait()
    pulling.cancel()
    await asyncio.wait({pulling})
    assert not has_model(store)
    registry.stalls = False
    told = await pull(store, registry)
    assert told[1].completed == len(WEIGHTS) // 2
    assert is_complete(store, registry)
