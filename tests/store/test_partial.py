import asyncio
import os
import sys
from pathlib import Path

import pytest

from arriero.errors import SourceFailed
from arriero.store.blobs import Blob, Blobs
from arriero.store.partial import Partial, is_present, sweep_partials
from tests.store.registry import digest_of

CONTENT = bytes(range(256)) * 16
BLOB = Blob(digest_of(CONTENT), len(CONTENT))
HEX = BLOB.digest.removeprefix("sha256:")
WEEK_S = 7 * 24 * 3600.0


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


async def opened(blobs: Blobs) -> Partial:
    partial = await Partial.open(blobs, BLOB)
    assert partial is not None
    return partial


async def test_it_lies_there_as_ollama_would_leave_it(blobs: Blobs) -> None:
    partial = await opened(blobs)
    partial.write(partial.parts[0], CONTENT[:1000])
    partial.mark(partial.parts[0])
    partial.close()
    assert (blobs.directory / f"sha256-{HEX}-partial").read_bytes() == CONTENT[:1000].ljust(len(CONTENT), b"\0")
    mark = (blobs.directory / f"sha256-{HEX}-partial-0").read_bytes()
    assert mark == b'{"N":0,"Offset":0,"Size":4096,"Completed":1000}'
    assert len(list(blobs.directory.iterdir())) == 2


async def test_it_is_taken_up_again_and_gets_its_name_when_it_is_complete(blobs: Blobs) -> None:
    first = await opened(blobs)
    first.write(first.parts[0], CONTENT[:1000])
    first.mark(first.parts[0])
    first.close()
    second = await opened(blobs)
    assert second.completed == 1000
    second.write(second.parts[0], CONTENT[1000:])
    second.finish()
    second.close()
    assert [path.name for path in blobs.directory.iterdir()] == [f"sha256-{HEX}"]
    assert is_present(blobs, BLOB)


async def test_what_was_not_marked_is_not_believed(blobs: Blobs) -> None:
    first = await opened(blobs)
    first.write(first.parts[0], CONTENT[:1000])
    first.close()
    second = await opened(blobs)
    assert second.completed == 0
    second.close()


async def test_wrong_bytes_leave_nothing_behind(blobs: Blobs) -> None:
    partial = await opened(blobs)
    partial.write(partial.parts[0], bytes(len(CONTENT)))
    with pytest.raises(SourceFailed, match="digest mismatch"):
        partial.finish()
    partial.close()
    assert list(blobs.directory.iterdir()) == []


async def test_only_one_at_a_time_and_the_next_finds_it_done(blobs: Blobs) -> None:
    first = await opened(blobs)
    second = asyncio.ensure_future(Partial.open(blobs, BLOB))
    await asyncio.sleep(0)
    assert not second.done()
    first.write(first.parts[0], CONTENT)
    first.finish()
    first.close()
    assert await second is None


@pytest.mark.parametrize(("age_s", "stays"), [(0.0, True), (WEEK_S - 60, True), (WEEK_S + 60, False)])
async def test_what_nobody_goes_on_with_is_swept_after_a_week(blobs: Blobs, age_s: float, *, stays: bool) -> None:
    (await opened(blobs)).close()
    blobs.add_bytes(b"a blob")
    now_s = (blobs.directory / f"sha256-{HEX}-partial-0").stat().st_mtime
    # The file itself is written to less often than what tells of it.
    os.utime(blobs.directory / f"sha256-{HEX}-partial", (0, 0))
    sweep_partials(blobs, now_s + age_s)
    assert len(list(blobs.directory.iterdir())) == (3 if stays else 1)


async def test_what_was_completed_between_the_look_and_the_lock_is_not_fetched_again(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = os.open

    def complete(path: Path, *args: int) -> int:
        blobs.add_bytes(CONTENT)
        return take(path, *args)

    monkeypatch.setattr(os, "open", complete)
    assert await Partial.open(blobs, BLOB) is None
    assert [path.name for path in blobs.directory.iterdir()] == [f"sha256-{HEX}"]


def open_files() -> list[str]:
    links = list(Path("/proc/self/fd").iterdir())
    return [link.readlink().name for link in links if link.is_symlink()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the open files in /proc")
async def test_on_windows_no_file_is_open_when_it_is_renamed(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    partial = await opened(blobs)
    assert not any(name.endswith("-partial") for name in open_files())
    partial.close()
