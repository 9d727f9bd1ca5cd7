import hashlib
import io
import os
from pathlib import Path

import pytest

from arriero.errors import LoadFailed, SourceFailed
from arriero.store.blobs import MAX_READ_BYTES, Blob, Blobs, hash_file, write_whole

CONTENT = b"weights" * 1000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
OTHER = f"sha256:{'0' * 64}"


class BrokenStream(io.BytesIO):
    """Gives some bytes and then fails, as a network does."""

    def read(self, _size: int | None = -1, /) -> bytes:
        if self.tell():
            raise ConnectionError("gone")
        return super().read(10)


def files(blobs: Blobs) -> list[str]:
    return sorted(path.name for path in blobs.directory.glob("*"))


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def test_bytes_lie_under_their_hash(blobs: Blobs) -> None:
    assert blobs.add_bytes(CONTENT) == Blob(DIGEST, len(CONTENT))
    assert files(blobs) == [DIGEST.replace(":", "-")]
    assert blobs.read(DIGEST) == CONTENT


def test_the_same_bytes_twice_are_one_blob(blobs: Blobs) -> None:
    blobs.add_bytes(CONTENT)
    blobs.add_stream(io.BytesIO(CONTENT), DIGEST)
    assert len(files(blobs)) == 1


def test_a_stream_is_hashed_on_its_way_and_tells_how_far_it_is(blobs: Blobs) -> None:
    told: list[int] = []
    assert blobs.add_stream(io.BytesIO(CONTENT), DIGEST, told.append) == Blob(DIGEST, len(CONTENT))
    assert told == [len(CONTENT)]


def test_nothing_is_left_of_a_stream_with_another_hash(blobs: Blobs) -> None:
    with pytest.raises(SourceFailed, match="digest mismatch"):
        blobs.add_stream(io.BytesIO(CONTENT), OTHER)
    assert files(blobs) == []


def test_nothing_is_left_of_a_stream_that_breaks(blobs: Blobs) -> None:
    with pytest.raises(ConnectionError):
        blobs.add_stream(BrokenStream(CONTENT))
    assert files(blobs) == []


def test_while_a_stream_arrives_no_blob_is_visible(blobs: Blobs) -> None:
    seen: list[list[str]] = []
    blobs.add_stream(io.BytesIO(CONTENT), written=lambda _size: seen.append(files(blobs)))
    assert [name.endswith("-partial") for name in seen[0]] == [True]


def test_a_file_is_moved_in(blobs: Blobs, tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_bytes(CONTENT)
    assert blobs.adopt(file, DIGEST) == Blob(DIGEST, len(CONTENT))
    assert not file.exists()
    assert blobs.path(DIGEST).read_bytes() == CONTENT


def test_a_file_with_another_hash_is_deleted(blobs: Blobs, tmp_path: Path) -> None:
    file = tmp_path / "new"
    file.write_bytes(CONTENT)
    with pytest.raises(SourceFailed, match=f"want {OTHER}, got {DIGEST}"):
        blobs.adopt(file, OTHER)
    assert not file.exists()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_a_file_on_another_disk_is_copied(blobs: Blobs, tmp_path: Path) -> None:
    file = Path("/dev/shm") / f"arriero-{os.getpid()}-{tmp_path.name}"
    file.write_bytes(CONTENT)
    blobs.adopt(file, DIGEST)
    assert not file.exists()
    assert blobs.path(DIGEST).read_bytes() == CONTENT


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../../etc/passwd", f"md5:{'0' * 64}", DIGEST.upper()])
def test_what_is_no_digest_makes_no_path(blobs: Blobs, digest: str) -> None:
    with pytest.raises(LoadFailed, match="not a SHA-256 digest"):
        blobs.path(digest)


def test_a_missing_blob_and_a_huge_one_are_refused(blobs: Blobs) -> None:
    with pytest.raises(LoadFailed, match="pull the model again"):
        blobs.read(OTHER)
    blobs.add_bytes(CONTENT)
    with blobs.path(DIGEST).open("r+b") as file:
        file.truncate(MAX_READ_BYTES + 1)
    with pytest.raises(LoadFailed, match="larger than"):
        blobs.read(DIGEST)


def test_hashes_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert hash_file(tmp_path / "file") == Blob(DIGEST, len(CONTENT))


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(OSError, match="latest"):
        write_whole(tmp_path / "latest", b"{}")
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]
