import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.multipart import read_form

TYPE = 'multipart/form-data; boundary="x y"'
BODY = (
    b"--x y\r\n"
    b'Content-Disposition: form-data; name="model"\r\n\r\n'
    b"gen\r\n"
    b"--x y\r\n"
    b'content-disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\n"
    b"RI\r\n\r\n\xff--x\r\n"
    b"--x y--\r\n"
)


def test_fields_are_told_by_their_names() -> None:
    assert read_form(TYPE, BODY) == {"model": b"gen", "file": b"RI\r\n\r\n\xff--x"}


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("application/json", b"{}", "request Content-Type isn't multipart/form-data"),
        ("", b"", "request Content-Type isn't multipart/form-data"),
        ("multipart/form-data", BODY, "no multipart boundary param in Content-Type"),
        (TYPE, b"", "multipart: NextPart: EOF"),
        (TYPE, BODY[:-10], "multipart: NextPart: EOF"),
        (TYPE, b"--x y\r\n\r\nhi\r\n--x y--\r\n", "a part has no name"),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_form(content_type, body)
    assert caught.value.message == f"failed to parse multipart form: {message}"
