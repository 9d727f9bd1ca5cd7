"""Forms with files in them, as browsers and OpenAI's clients upload them. Pure."""

from email.message import Message
from email.parser import BytesHeaderParser

from arriero.errors import InvalidRequest

_FAILED = "failed to parse multipart form"


def read_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """The fields of a form by their names, files and texts alike; the last of a name wins. Raises InvalidRequest."""
    head = Message()
    head["Content-Type"] = content_type
    if head.get_content_type() != "multipart/form-data":
        raise InvalidRequest(f"{_FAILED}: request Content-Type isn't multipart/form-data")
    boundary = head.get_boundary()
    if not boundary:
        raise InvalidRequest(f"{_FAILED}: no multipart boundary param in Content-Type")
    mark = b"\r\n--" + boundary.encode()
    # The first mark has no line in front of it.
    parts = (b"\r\n" + body).split(mark)
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise InvalidRequest(f"{_FAILED}: multipart: NextPart: EOF")
    return dict(_field(part) for part in parts[1:-1])


def _field(part: bytes) -> tuple[str, bytes]:
    headers, blank, content = part.partition(b"\r\n\r\n")
    name = BytesHeaderParser().parsebytes(headers.lstrip(b"\r\n")).get_param("name", header="content-disposition")
    if not blank or not isinstance(name, str):
        raise InvalidRequest(f"{_FAILED}: a part has no name")
    return name, content
