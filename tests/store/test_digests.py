import hashlib
import os
from pathlib import Path

import pytest

from arriero.errors import LoadFailed
from arriero.store.digests import compute_digest, remembered_digest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"weights")
    return path


def test_a_digest_is_remembered(tmp_path: Path, file: Path) -> None:
    assert remembered_digest(tmp_path / "digests", file) is None
    digest = compute_digest(tmp_path / "digests", file)
    assert digest == hashlib.sha256(b"weights").hexdigest()
    assert remembered_digest(tmp_path / "digests", file) == digest


def test_a_file_that_has_changed_is_unknown(tmp_path: Path, file: Path) -> None:
    compute_digest(tmp_path / "digests", file)
    os.utime(file, ns=(1, 1))
    assert remembered_digest(tmp_path / "digests", file) is None


def test_a_damaged_memory_is_none(tmp_path: Path, file: Path) -> None:
    compute_digest(tmp_path / "digests", file)
    next((tmp_path / "digests").iterdir()).write_bytes(b"{")
    assert remembered_digest(tmp_path / "digests", file) is None


def test_a_file_that_is_gone_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match="cannot be read"):
        remembered_digest(tmp_path, tmp_path / "none.gguf")
