import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE

from arriero.errors import SourceFailed
from arriero.store.blobs import Blob, Blobs
from arriero.store.progress import Progress, ignore_progress
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.huggingface import HubFile, choose_hub_file, download_hub_file
from arriero.store.sources.quants import Choice, RepoFile
from tests.store.hub import COMMIT, Hub, running_hub

CONTENT = bytes(range(256)) * 400
CHUNK_BYTES = DOWNLOAD_CHUNK_SIZE  # what the library reads at a time, and loses when it is interrupted
LONG_CONTENT = bytes(2 * CHUNK_BYTES) + CONTENT
REPO = "user/m-GGUF"
FILE = "m-Q8_0.gguf"
PLENTY = 10**12


class UserInterrupt(BaseException):
    """The user pressed Ctrl-C."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub(**{REPO: {FILE: CONTENT, "README.md": b"# M"}}) as hub:
        yield hub


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def download(hub: Hub, blobs: Blobs, told: list[Progress] | None = None) -> Blob:
    file = choose_hub_file(HubReference(REPO), PLENTY, hub.endpoint)
    progress = ignore_progress if told is None else told.append
    return download_hub_file(file, blobs, blobs.directory.parent / "downloads", progress, hub.endpoint)


def leftovers(blobs: Blobs) -> list[Path]:
    return list((blobs.directory.parent / "downloads").glob("*-partial"))


def test_chooses_from_what_the_hub_lists(hub: Hub) -> None:
    file = choose_hub_file(HubReference(REPO), PLENTY, hub.endpoint)
    assert (file.repo, file.commit) == (REPO, COMMIT)
    assert file.choice.file.size_bytes == len(CONTENT)
    assert file.choice.file.sha256 == hub.sha256(FILE, CONTENT)


def test_looks_into_the_sibling_where_a_repository_has_no_gguf(hub: Hub) -> None:
    hub.repos["user/m"] = {"model.safetensors": b"weights"}
    assert choose_hub_file(HubReference("user/m"), PLENTY, hub.endpoint).repo == REPO


def test_looks_into_the_sibling_where_there_is_no_such_repository(hub: Hub) -> None:
    assert choose_hub_file(HubReference("user/m"), PLENTY, hub.endpoint).repo == REPO


def test_a_repository_that_is_not_there_is_refused(hub: Hub) -> None:
    with pytest.raises(SourceFailed, match="no user/x and no user/x-GGUF, or they are private"):
        choose_hub_file(HubReference("user/x"), PLENTY, hub.endpoint)


def test_a_repository_without_gguf_files_is_refused(hub: Hub) -> None:
    hub.repos["user/x"] = {"model.safetensors": b"weights"}
    with pytest.raises(SourceFailed, match="user/x has no GGUF file, and there is no user/x-GGUF"):
        choose_hub_file(HubReference("user/x"), PLENTY, hub.endpoint)


def test_a_gated_repository_says_what_to_do(hub: Hub) -> None:
    hub.gated.add(REPO)
    with pytest.raises(SourceFailed, match="accept its terms"):
        choose_hub_file(HubReference(REPO), PLENTY, hub.endpoint)


def test_a_name_that_the_hub_cannot_have_is_refused(hub: Hub) -> None:
    with pytest.raises(SourceFailed, match="could not be downloaded"):
        choose_hub_file(HubReference("user/a--b"), PLENTY, hub.endpoint)


def test_downloads_into_a_blob_and_tells_how_far_it_is(hub: Hub, blobs: Blobs) -> None:
    told: list[Progress] = []
    blob = download(hub, blobs, told)
    assert blob == Blob(f"sha256:{hub.sha256(FILE, CONTENT)}", len(CONTENT))
    assert blobs.path(blob.digest).read_bytes() == CONTENT
    assert told[-2] == Progress(f"downloading {REPO} Q8_0", len(CONTENT), len(CONTENT), blob.digest)
    assert told[-1].status == "verifying sha256 digest"
    assert leftovers(blobs) == []


def test_what_is_a_blob_already_is_not_downloaded_again(hub: Hub, blobs: Blobs) -> None:
    first = download(hub, blobs)
    assert download(hub, blobs) == first
    assert len(hub.ranges) == 1


def test_a_dropped_connection_goes_on_where_it_broke(hub: Hub, blobs: Blobs) -> None:
    hub.repos[REPO][FILE] = LONG_CONTENT
    hub.cuts = [CHUNK_BYTES + 1000]
    blob = download(hub, blobs)
    assert blobs.path(blob.digest).read_bytes() == LONG_CONTENT
    assert hub.ranges == [None, f"bytes={CHUNK_BYTES}-"]


def test_an_interrupted_download_goes_on_the_next_time(hub: Hub, blobs: Blobs) -> None:
    hub.repos[REPO][FILE] = LONG_CONTENT
    file = choose_hub_file(HubReference(REPO), PLENTY, hub.endpoint)

    def interrupt(progress: Progress) -> None:
        if progress.completed > CHUNK_BYTES:
            raise UserInterrupt

    with pytest.raises(UserInterrupt):
        download_hub_file(file, blobs, blobs.directory.parent / "downloads", interrupt, hub.endpoint)
    told: list[Progress] = []
    blob = download(hub, blobs, told)
    assert blobs.path(blob.digest).read_bytes() == LONG_CONTENT
    assert hub.ranges == [None, f"bytes={CHUNK_BYTES}-"]
    assert told[0].completed > CHUNK_BYTES
    assert leftovers(blobs) == []


def test_more_bytes_than_there_can_be_are_thrown_away(hub: Hub, blobs: Blobs) -> None:
    hub.wrong_hashes.add(FILE)
    with pytest.raises(SourceFailed):
        download(hub, blobs)
    downloads = blobs.directory.parent / "downloads"
    locks = list(downloads.glob("*.lock"))
    (downloads / locks[0].with_suffix(".gguf-partial").name).write_bytes(bytes(len(CONTENT) + 1))
    hub.requests.clear()
    with pytest.raises(SourceFailed):
        download(hub, blobs)
    assert hub.ranges == [None]


def test_a_corrupt_file_is_refused_and_forgotten(hub: Hub, blobs: Blobs) -> None:
    hub.wrong_hashes.add(FILE)
    with pytest.raises(SourceFailed, match="digest mismatch"):
        download(hub, blobs)
    assert leftovers(blobs) == []
    assert not blobs.directory.exists()
    hub.wrong_hashes.clear()
    assert download(hub, blobs).size_bytes == len(CONTENT)


def test_a_file_that_has_gone_since_is_refused(hub: Hub, blobs: Blobs) -> None:
    file = choose_hub_file(HubReference(REPO), PLENTY, hub.endpoint)
    del hub.repos[REPO][FILE]
    with pytest.raises(SourceFailed, match="the hub answered 404"):
        download_hub_file(file, blobs, blobs.directory.parent / "downloads", ignore_progress, hub.endpoint)


def test_without_a_network_there_is_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(SourceFailed, match=r"the hub cannot be reached .*; check the network") as caught:
        choose_hub_file(HubReference(REPO), PLENTY, endpoint)
    assert "\n" not in caught.value.message


OFFLINE = """
from arriero.errors import SourceFailed
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.huggingface import choose_hub_file
try:
    choose_hub_file(HubReference("user/m-GGUF"), 10**9)
except SourceFailed as error:
    print(error.message)
"""


def test_the_librarys_offline_switch_counts() -> None:
    # The library reads its environment when it is imported, so this needs a process of its own.
    environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", OFFLINE], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == "user/m-GGUF is not here yet and HF_HUB_OFFLINE is set; unset it to fetch the model\n"


def test_what_does_not_fit_on_the_disk_is_refused_before_it_comes(tmp_path: Path) -> None:
    file = HubFile("user/m-GGUF", "main", Choice(RepoFile("m.gguf", 10**18, "0" * 64), "", ""))
    with pytest.raises(SourceFailed, match="make room"):
        download_hub_file(file, Blobs(tmp_path / "blobs"), tmp_path / "downloads", ignore_progress)
