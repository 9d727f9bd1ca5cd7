import base64
import struct

# What a request holds is whatever JSON somebody sends.
from typing import Any

import pytest
from msgspec import UNSET

from arriero.errors import InvalidRequest
from arriero.protocol.openai_embed import OpenAIEmbedRequest, read_encoding, read_texts, to_base64


@pytest.mark.parametrize(("value", "texts"), [("a", ["a"]), ("", [""]), (["a", ""], ["a", ""])])
def test_an_input_is_texts(value: Any, texts: list[str]) -> None:
    assert read_texts(value) == texts


@pytest.mark.parametrize("value", [UNSET, []])
def test_an_input_is_there(value: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"^invalid input$"):
        read_texts(value)


@pytest.mark.parametrize("value", [[1, 2], [[1, 2]], ["a", 1], 5, {}, True])
def test_tokens_are_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="invalid input type"):
        read_texts(value)


@pytest.mark.parametrize(("asked", "is_base64"), [("", False), ("float", False), ("base64", True), ("BASE64", True)])
def test_vectors_are_numbers_or_base64(asked: str, is_base64: bool) -> None:
    assert read_encoding(OpenAIEmbedRequest(encoding_format=asked)) == is_base64


def test_base64_holds_little_endian_numbers() -> None:
    assert struct.unpack("<2f", base64.b64decode(to_base64([1.0, -0.5]))) == (1.0, -0.5)
