import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from arriero.errors import LoadFailed
from arriero.store.layout import Store
from arriero.store.manifest import (
    Manifest,
    find_manifest,
    find_tags,
    list_manifests,
    manifest_path,
    name_of,
    read_manifest,
)
from arriero.types.names import parse_name

# As the registry sends one, with its spacing: the digest is over these very bytes.
REGISTRYS = b"""{"schemaVersion":2, "mediaType":"application/vnd.docker.distribution.manifest.v2+json",
 "config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:aa","size":485},
 "layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:bb","size":1321082688,"from":"x:y"},
           {"mediaType":"application/vnd.ollama.image.tensor","digest":"sha256:cc","size":1,"name":"t"}]}"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def put(store: Store, name: str, content: bytes = REGISTRYS) -> Path:
    path = manifest_path(store, parse_name(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_manifest_lies_where_ollama_puts_it(store: Store) -> None:
    library = store.manifests / "registry.ollama.ai" / "library"
    assert manifest_path(store, parse_name("llama3.2")) == library / "llama3.2" / "latest"
    hub = store.manifests / "hf.co" / "bartowski" / "X-GGUF"
    assert manifest_path(store, parse_name("hf.co/bartowski/X-GGUF:Q4_K_M")) == hub / "Q4_K_M"


def test_reads_a_registrys_manifest_with_its_digest(store: Store) -> None:
    path = put(store, "mike/foo:v1")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    stored = read_manifest(path)
    assert stored.name == parse_name("mike/foo:v1")
    assert stored.digest == hashlib.sha256(REGISTRYS).hexdigest()
    assert stored.modified_at == datetime.fromtimestamp(1_700_000_000, UTC)
    model, tensor = stored.manifest.layers
    assert (model.kind, model.size, model.origin) == ("model", 1321082688, "x:y")
    assert (tensor.kind, tensor.name) == ("tensor", "t")


def test_a_manifest_is_written_as_the_registry_writes_it() -> None:
    encoded = msgspec.json.encode(msgspec.json.decode(REGISTRYS, type=Manifest))
    assert encoded == json.dumps(json.loads(REGISTRYS), separators=(",", ":")).encode()


DEEP = REGISTRYS[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"
HUGE = REGISTRYS.replace(b"1321082688", b"9" * 400)


@pytest.mark.parametrize("content", [b"", b"junk", b"[]", b"{}", b'{"config":7}', DEEP, HUGE])
def test_what_is_no_manifest_is_refused(store: Store, content: bytes) -> None:
    with pytest.raises(LoadFailed, match="not a usable manifest"):
        read_manifest(put(store, "x", content))


def test_a_missing_manifest_is_refused(store: Store) -> None:
    with pytest.raises(LoadFailed):
        read_manifest(manifest_path(store, parse_name("x")))


def test_finds_a_name_in_any_case_and_gives_the_stored_one(store: Store) -> None:
    path = put(store, "Mike/Foo:V1")
    assert find_manifest(store, parse_name("mike/foo:v1")) == path
    assert find_manifest(store, parse_name("MIKE/Foo:V1")) == path
    assert find_manifest(store, parse_name("mike/foo:v2")) is None


def test_a_host_that_is_longer_than_a_files_name_is_not_found(store: Store) -> None:
    put(store, "x")
    assert find_manifest(store, parse_name(f"{'h' * 300}/mike/foo:v1")) is None


def test_its_own_case_is_found_first(store: Store) -> None:
    put(store, "FOO")
    lower = put(store, "foo")
    assert find_manifest(store, parse_name("foo")) == lower


def test_lists_manifests_and_passes_junk_over(store: Store) -> None:
    paths = [put(store, "b:1"), put(store, "mike/a:2"), put(store, "localhost:5000/x/y:z")]
    (store.manifests / ".DS_Store").write_bytes(b"junk")
    (paths[0].parent / ".DS_Store").write_bytes(b"junk")
    (paths[0].parent / "a directory").mkdir()
    (paths[0].parents[1] / "file").write_bytes(b"junk")
    assert sorted(list_manifests(store)) == sorted(paths)


def test_a_store_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert list(list_manifests(store)) == []
    assert find_manifest(store, parse_name("x")) is None
    assert find_tags(store, parse_name("x")) == []


def test_finds_all_tags_of_a_model_the_newest_first(store: Store) -> None:
    old, new = put(store, "hf.co/A/b:Q4_0"), put(store, "hf.co/A/b:Q8_0")
    os.utime(old, (1, 1))
    put(store, "hf.co/A/other:Q8_0")
    (old.parent / ".junk").write_bytes(b"")
    assert find_tags(store, parse_name("hf.co/a/B")) == [new, old]


def test_a_path_that_is_no_name_has_none() -> None:
    assert name_of(Path("/m/hf.co/user/model/bad tag")) is None
