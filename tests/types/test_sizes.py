import pytest

from arriero.types.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("1000", 1000),
        ("12B", 12),
        ("6GiB", 6 << 30),
        ("6 GiB", 6 << 30),
        ("6gib", 6 << 30),
        ("6Gi", 6 << 30),
        ("6GB", 6 * 10**9),
        ("6G", 6 * 10**9),
        ("1.5MiB", 3 << 19),
        (" 2 kB ", 2000),
        ("1TiB", 1 << 40),
    ],
)
def test_a_size_is_a_number_with_or_without_a_unit(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "-1", "GiB", "6 Gi B", "1e9", "6iB", "lots", "6PiB", "0x10"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)
