import asyncio
import hashlib
import logging
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arriero.errors import CloudDisabled, InvalidRequest, LoadFailed, ModelNotFound
from arriero.store.gguf import InvalidGguf
from arriero.store.layout import Layout, Store
from arriero.store.library import Library, Pinned
from arriero.store.records import record_of_file
from tests.factories_store import TOKENS, record, stored, tiny_gguf, tiny_layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return tiny_layout(tmp_path)


def pinned(layout: Layout, *names: str) -> Library:
    return Library.only(layout, [Pinned(record(), names)])


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("smollm2", "smollm2"),
        ("smollm2", "SmolLM2:LATEST"),
        ("smollm2", " smollm2 "),
        ("smollm2", "library/smollm2"),
        ("smollm2", "smollm2:local"),
        ("smollm2:latest", "smollm2"),
        ("smollm2:135m", "SMOLLM2:135m"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "qwen/qwen2.5-1.5b-instruct"),
        ("Qwen/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B-Instruct:latest"),
        ("My model, v2", "my MODEL, V2"),
        ("gpt:cloud", "gpt:cloud"),
    ],
)
def test_a_pinned_model_answers_to(layout: Layout, name: str, asked: str) -> None:
    assert pinned(layout, name).find(asked).name == name


def test_each_name_of_a_pinned_model_is_listed_as_it_was_given(layout: Layout) -> None:
    library = pinned(layout, "My Model", "alias")
    assert [model.name for model in library.records()] == ["My Model", "alias"]
    assert library.find("ALIAS").name == "alias"


@pytest.mark.parametrize(("name", "asked"), [("smollm2", "smollm2:135m"), ("smollm2:135m", "smollm2")])
def test_another_tag_is_another_model(layout: Layout, name: str, asked: str) -> None:
    with pytest.raises(ModelNotFound, match=f"^model '{asked}' not found$"):
        pinned(layout, name).find(asked)


@pytest.mark.parametrize("asked", ["smollm2:cloud", "gpt-oss:20b-cloud"])
def test_cloud_models_are_refused(layout: Layout, asked: str) -> None:
    with pytest.raises(CloudDisabled, match=r"^ollama cloud is disabled: remote model is unavailable$"):
        pinned(layout, "smollm2").find(asked)


@pytest.mark.parametrize("asked", ["no such name", "a/b/c/d", "x:", "../x"])
def test_what_is_no_name_is_refused(layout: Layout, asked: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^invalid model name$"):
        pinned(layout, "smollm2").find(asked)


def test_stored_models_are_found_in_any_case(layout: Layout) -> None:
    stored(layout.own, "Mike/Foo:V1")
    library = Library(layout)
    for asked in ("Mike/Foo:V1", "mike/foo:v1", "registry.ollama.ai/mike/foo:v1", "mike/foo:v1:local"):
        assert library.find(asked).name == "Mike/Foo:V1"


def test_only_pinned_models_are_served_where_that_was_asked_for(layout: Layout) -> None:
    stored(layout.own, "foo")
    library = pinned(layout, "tiny")
    assert [model.name for model in library.records()] == ["tiny"]
    with pytest.raises(ModelNotFound):
        library.find("foo")


def test_a_pinned_model_comes_before_a_stored_one_of_its_name(layout: Layout) -> None:
    stored(layout.own, "tiny")
    library = Library(layout, [Pinned(record(), ("tiny",))])
    assert [model.name for model in library.records()] == ["tiny"]
    assert library.find("tiny").path == record().path


def names_of(library: Library) -> set[str]:
    return {model.name for model in library.records()}


def test_a_stored_model_with_names_given_at_start_is_listed_under_those_alone(layout: Layout) -> None:
    stored(layout.own, "other")
    path = stored(layout.own, "mine")
    model = Library(layout).find("mine")
    library = Library(layout, [Pinned(model, ("Org/Name",))])
    assert names_of(library) == {"Org/Name", "other:latest"}
    assert library.find("mine").path == model.path
    # Whatever is made under that name later is a model of its own.
    path.write_bytes(path.read_bytes() + b" ")
    os.utime(path, ns=(1, 1))
    assert names_of(library) == {"Org/Name", "other:latest", "mine:latest"}


def test_models_are_listed_newest_first(layout: Layout) -> None:
    os.utime(stored(layout.own, "old"), (1, 1))
    stored(layout.own, "new")
    library = Library(layout, [Pinned(record(modified_at=datetime(2000, 1, 1, tzinfo=UTC)), ("tiny",))])
    assert [model.name for model in library.records()] == ["new:latest", "tiny", "old:latest"]


def test_the_own_store_comes_before_a_borrowed_one(layout: Layout, tmp_path: Path) -> None:
    borrowed = Store(tmp_path / ".ollama" / "models")
    stored(layout.own, "both")
    stored(borrowed, "both")
    stored(borrowed, "theirs")
    library = Library(replace(layout, borrowed=(borrowed,)))
    assert sorted(model.name for model in library.records()) == ["both:latest", "theirs:latest"]
    assert library.find("both").path.is_relative_to(layout.own.root)
    assert library.find("theirs").path.is_relative_to(borrowed.root)


def test_what_changes_in_the_store_counts_at_once(layout: Layout) -> None:
    library = Library(layout)
    assert library.records() == []
    path = stored(layout.own, "foo")
    first = library.find("foo")
    assert library.find("foo") is first
    stored(layout.own, "foo", {"general.file_type": 2})
    os.utime(path, (1, 1))
    assert library.find("foo").details.quantization_level == "Q4_0"
    path.unlink()
    with pytest.raises(ModelNotFound):
        library.find("foo")


def test_what_cannot_be_served_is_left_out_and_logged_once(layout: Layout, caplog: pytest.LogCaptureFixture) -> None:
    stored(layout.own, "good")
    stored(layout.own, "bad").write_bytes(b"junk")
    library = Library(layout)
    with caplog.at_level(logging.WARNING):
        assert [model.name for model in library.records()] == ["good:latest"]
        assert [model.name for model in library.records()] == ["good:latest"]
    ours = [entry.message for entry in caplog.records if entry.name.startswith("arriero")]
    assert ours == ["stored model left out"]
    with pytest.raises(LoadFailed):
        library.find("bad")


async def test_the_digest_of_a_bare_file_is_its_own(layout: Layout, tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf")
    bare = record_of_file(path, "m")
    library = Library.only(layout, [Pinned(bare, ("m",))])
    digests = await asyncio.gather(*(library.digest(bare) for _ in range(3)))
    assert set(digests) == {hashlib.sha256(path.read_bytes()).hexdigest()}
    assert len(list((layout.data / "digests").iterdir())) == 1
    assert await Library.only(layout, []).digest(bare) == digests[0]


def test_a_bare_file_that_is_not_hashed_yet_has_a_digest_that_changes_with_it(layout: Layout, tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf")
    bare = record_of_file(path, "m")
    library = Library.only(layout, [Pinned(bare, ("m",))])
    first = library.shown_digest(bare)
    assert library.shown_digest(bare) == first
    os.utime(path, ns=(0, 0))
    second = library.shown_digest(bare)
    assert first != second
    assert {len(first), len(second)} == {64}
    hashed = asyncio.run(library.digest(bare))
    assert library.shown_digest(bare) == hashed
    path.unlink()
    with pytest.raises(LoadFailed):
        library.shown_digest(bare)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that is never read to its end")
def test_a_hash_that_nobody_waits_for_does_not_hold_up_the_end(layout: Layout, tmp_path: Path) -> None:
    os.mkfifo(endless := tmp_path / "m.gguf")
    library = Library.only(layout, [])

    async def begin_and_end() -> None:
        hashing = asyncio.create_task(library.digest(record(weights=endless)))
        await asyncio.sleep(0)
        hashing.cancel()
        await asyncio.wait({hashing})

    running = threading.Thread(target=asyncio.run, args=(begin_and_end(),), daemon=True)
    running.start()
    running.join(5)
    is_over = not running.is_alive()
    endless.open("wb").close()
    assert is_over


async def test_the_digest_of_a_stored_model_is_its_manifests(layout: Layout) -> None:
    path = stored(layout.own, "foo")
    library = Library(layout)
    assert await library.digest(library.find("foo")) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_header_is_read_once_and_its_arrays_on_demand(layout: Layout, tmp_path: Path) -> None:
    bare = record_of_file(tiny_gguf(tmp_path / "m.gguf"), "m")
    library = Library.only(layout, [Pinned(bare, ("m",))])
    short = library.gguf(bare.path)
    assert library.gguf(bare.path) is short
    assert short.metadata["tokenizer.ggml.tokens"] is None
    assert library.gguf(bare.path, verbose=True).metadata["tokenizer.ggml.tokens"] == list(TOKENS)


def test_a_header_that_is_gone_is_an_error_of_ours(layout: Layout) -> None:
    with pytest.raises(InvalidGguf):
        pinned(layout, "tiny").gguf(record().path)
