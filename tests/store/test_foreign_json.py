from typing import Any

import pytest

from arriero.store.foreign_json import UnusableJson, decode_foreign


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a":"\xff"}', b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"])
def test_whatever_is_wrong_is_one_error(content: bytes) -> None:
    with pytest.raises(UnusableJson):
        decode_foreign(content, dict[str, Any])


def test_what_fits_is_decoded() -> None:
    assert decode_foreign(b'{"a":1}', dict[str, int]) == {"a": 1}
