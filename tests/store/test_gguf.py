import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arriero.store.gguf import MAX_ELEMENTS, InvalidGguf, TensorInfo, read_gguf
from tests.factories_store import TOKENS, tiny_gguf

FIM = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def header(keys: bytes, key_count: int = 1, tensor_count: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensor_count, key_count) + keys


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def test_reads_scalars_of_every_kind(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf", {"a.text": "señal", "a.int": 7, "a.float": 0.5, "a.bool": True})
    file = read_gguf(path)
    assert [file.metadata[key] for key in ("a.text", "a.int", "a.float", "a.bool")] == ["señal", 7, 0.5, True]
    assert file.metadata["general.architecture"] == "llama"
    assert (file.path, file.size_bytes, file.version) == (path, path.stat().st_size, 3)


def test_an_array_is_a_key_without_its_elements_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    some, no_texts, no_numbers = (struct.pack("<IIQ", 9, *array) for array in ((4, 1), (8, 0), (4, 0)))
    path.write_bytes(header(text("a") + some + bytes(4) + text("b") + no_texts + text("c") + no_numbers, key_count=3))
    assert read_gguf(path).metadata == {"a": None, "b": [], "c": []}
    assert read_gguf(path, arrays=True).metadata == {"a": [0], "b": [], "c": []}


def test_arrays_are_read_when_asked_for(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "m.gguf", {"a.numbers": [1, 2], "a.long": list(range(5000))})
    file = read_gguf(path, arrays=True)
    assert file.metadata["tokenizer.ggml.tokens"] == list(TOKENS)
    assert file.metadata["a.numbers"] == [1, 2]
    assert file.metadata["a.long"] == list(range(5000))


def test_small_numeric_arrays_are_kept_aside(tmp_path: Path) -> None:
    file = read_gguf(tiny_gguf(tmp_path / "m.gguf", {"a.heads": [4, 0, 4], "a.long": list(range(5000))}))
    assert dict(file.small_arrays) == {"a.heads": (4, 0, 4)}


def test_lists_tensors_and_counts_their_parameters(tmp_path: Path) -> None:
    file = read_gguf(tiny_gguf(tmp_path / "m.gguf"))
    assert file.tensors == (TensorInfo("token_embd.weight", "F32", (32, 8)),)
    assert file.parameter_count == 256


@pytest.mark.parametrize("arrays", [False, True])
def test_finds_infill_tokens_by_their_text(tmp_path: Path, arrays: bool) -> None:
    path = tiny_gguf(tmp_path / "m.gguf", tokens=[*TOKENS, *FIM])
    assert read_gguf(path, arrays=arrays).has_infill_tokens


def test_finds_infill_tokens_that_the_metadata_names(tmp_path: Path) -> None:
    ids = {f"tokenizer.ggml.fim_{part}_token_id": 1 for part in ("pre", "suf", "mid")}
    assert read_gguf(tiny_gguf(tmp_path / "m.gguf", ids)).has_infill_tokens


@pytest.mark.parametrize("tokens", [TOKENS, FIM[:2], [f"{token}x" for token in FIM]])
def test_two_tokens_or_parts_of_others_are_no_infill(tmp_path: Path, tokens: list[str]) -> None:
    assert not read_gguf(tiny_gguf(tmp_path / "m.gguf", tokens=tokens)).has_infill_tokens


def test_version_2_reads_like_version_3(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(text("a") + struct.pack("<II", 4, 9), version=2))
    file = read_gguf(path)
    assert (file.version, file.metadata) == (2, {"a": 9})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it has 0 bytes"),
        (b"PK\x03\x04" + bytes(60), "does not begin with 'GGUF'"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big endian"),
        (header(b"", 0, version=1), "version 1"),
        (header(b"", 0, version=9), "version 9"),
        (header(b"", 1 << 63), "metadata keys"),
        (header(b"", 0, 1 << 63), "tensors"),
        (header(struct.pack("<Q", 1 << 63)), "ends in the middle"),
        (header(text("a") + struct.pack("<I", 77)), "unknown type 77"),
        (header(text("a") + struct.pack("<IIQ", 9, 8, 1 << 63)), f"more than {MAX_ELEMENTS} elements"),
        (header(text("a") + struct.pack("<IIQ", 9, 8, 1000)), "ends in the middle"),
        (header(text("a") + struct.pack("<IIQQ", 9, 8, 2, (1 << 64) - 1)), "ends in the middle"),
        (header(text("a") + struct.pack("<IIQ", 9, 4, 1 << 20)), "ends in the middle"),
        (header(text("a") + struct.pack("<IIQ", 9, 9, 1)), "unknown type 9"),
        (header(text("t") + struct.pack("<I", 99), 0, 1), "99 dimensions"),
        (header(text("t") + struct.pack("<IQIQ", 1, 33, 2, 0), 0, 1), "whole Q4_0 blocks"),
        (header(text("t") + struct.pack("<IQIQ", 1, 1 << 40, 0, 0), 0, 1), "needs 4398046511168: fetch it again"),
        (header(text("t") + struct.pack("<IQQIQ", 2, 1 << 60, 8, 200, 0), 0, 1), "claims 9223372036854775808 elements"),
        (header(text("general.alignment") + struct.pack("<II", 4, 0)), "alignment is 0"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    with pytest.raises(InvalidGguf) as caught:
        read_gguf(path)
    assert reason in caught.value.message
    assert str(path) in caught.value.message


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InvalidGguf, match="cannot be read: No such file"):
        read_gguf(tmp_path / "none.gguf")


def test_a_tensor_type_of_the_future_is_listed_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(text("t") + struct.pack("<IQIQ", 1, 8, 200, 0), 0, 1) + bytes(64))
    assert read_gguf(path).tensors == (TensorInfo("t", "type 200", (8,)),)


def test_a_sparse_file_full_of_empty_texts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gguf"
    array = struct.pack("<IIQ", 9, 8, MAX_ELEMENTS)
    with path.open("wb") as file:
        file.write(header(text("a") + array, key_count=2))
        file.seek(8 * MAX_ELEMENTS, 1)
        file.write(text("b") + array)
        file.truncate(1 << 40)
    with pytest.raises(InvalidGguf, match="elements"):
        read_gguf(path)


def test_a_header_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gguf"
    with path.open("wb") as file:
        file.write(header(text("a") + struct.pack("<IQ", 8, 1 << 39)))
        file.truncate(1 << 40)
    with pytest.raises(InvalidGguf, match="header is longer"):
        read_gguf(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_gguf(tmp_path_factory.mktemp("whole") / "m.gguf", {"a.list": [1, 2, 3]}).read_bytes()


def test_a_file_cut_anywhere_is_refused(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "cut.gguf"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidGguf):
            read_gguf(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.gguf"
    path.write_bytes(damaged)
    for arrays in (False, True):
        try:
            assert read_gguf(path, arrays=arrays).size_bytes == len(whole)
        except InvalidGguf as error:
            assert str(path) in error.message  # noqa: PT017
