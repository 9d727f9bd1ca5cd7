from pathlib import Path

import pytest

from arriero.errors import SourceFailed
from arriero.store.blobs import Blob, Blobs
from arriero.store.disk_space import require_space
from arriero.store.partial import Partial, missing_bytes
from tests.store.registry import digest_of

CONTENT = bytes(1 << 20)
BLOB = Blob(digest_of(CONTENT), len(CONTENT))


def test_what_does_not_fit_is_told_before_it_comes(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "there", 1)
    with pytest.raises(SourceFailed, match=r"^1000000000\.0 GB are missing, .* make room$"):
        require_space(tmp_path / "not" / "there", 10**18)


async def test_holes_of_an_unfinished_blob_are_missing_and_its_bytes_are_not(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert missing_bytes(blobs, BLOB) == len(CONTENT)
    partial = await Partial.open(blobs, BLOB)
    assert partial is not None
    assert missing_bytes(blobs, BLOB) == len(CONTENT)
    partial.write(partial.parts[0], CONTENT[: 1 << 19])
    partial.mark(partial.parts[0])
    assert missing_bytes(blobs, BLOB) <= 1 << 19
    partial.write(partial.parts[0], CONTENT[1 << 19 :])
    partial.finish()
    partial.close()
    assert missing_bytes(blobs, BLOB) == 0
