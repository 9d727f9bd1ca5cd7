from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from arriero.errors import InvalidRequest
from arriero.store.layout import Store
from arriero.store.manifest import manifest_path, name_of
from arriero.types.names import parse_name

ROOT = Path("/store")
PART = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
NAMESPACE = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,20}", fullmatch=True)
HOST = st.from_regex(r"[a-z][a-z0-9.-]{0,20}(:[0-9]{1,5})?", fullmatch=True)


@given(HOST, NAMESPACE, PART, PART)
def test_a_name_survives_being_shown_and_stored(host: str, namespace: str, model: str, tag: str) -> None:
    name = parse_name(f"{host}/{namespace}/{model}:{tag}")
    assert parse_name(name.short).key == name.key
    assert name_of(manifest_path(Store(ROOT), name)) == name


@given(st.text(max_size=60))
def test_any_text_is_a_name_below_the_store_or_refused(text: str) -> None:
    try:
        name = parse_name(text)
    except InvalidRequest as error:
        assert error.message == "invalid model name"  # noqa: PT017
        return
    path = manifest_path(Store(ROOT), name)
    assert path.parts[: len(ROOT.parts)] == ROOT.parts
    assert ".." not in path.parts
    assert len(path.parts) == len(ROOT.parts) + 5
