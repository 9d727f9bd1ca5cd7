"""Pictures and sound inside a message: what kind a content is, and how OpenAI's wire carries it. Pure."""

import binascii
import re
from typing import Any

from arriero.errors import InvalidRequest

_HEAD_BYTES = 16
# The first bytes of a file, and what it is.
_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_DATA_URI = re.compile(r"data:(?:image/(?:jpeg|jpg|png|webp|gif|bmp))?;base64,")


def media_kind(image: str) -> str:
    """The media type of standard base64: ``image/…``, ``audio/wav``, ``audio/mpeg``, or "" for none that is known."""
    head = _head(image)
    if head[:4] == b"RIFF":
        return {b"WAVE": "audio/wav", b"WEBP": "image/webp"}.get(head[8:12], "")
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] != 0xFF):
        return "image/jpeg" if head[:3] == b"\xff\xd8\xff" else "audio/mpeg"
    return next((kind for mark, kind in _PICTURES if head.startswith(mark)), "")


def media_part(image: str) -> dict[str, Any]:
    """A part of a message in OpenAI's form."""
    kind = media_kind(image)
    # Ollama takes base64 in lines, llama.cpp does not.
    image = image.replace("\r", "").replace("\n", "")
    if kind.startswith("audio/"):
        return {
            "type": "input_audio",
            "input_audio": {"data": image, "format": "wav" if kind == "audio/wav" else "mp3"},
        }
    return {"type": "image_url", "image_url": {"url": f"data:{kind or 'image/png'};base64,{image}"}}


def read_image_url(url: str) -> str:
    """The base64 in a data URI of a picture. Raises InvalidRequest, in Ollama's words, for anything else."""
    if url.startswith(("http://", "https://")):
        raise InvalidRequest("image URLs are not currently supported, please use base64 encoded data instead")
    head = _DATA_URI.match(url)
    if head is None or base64_fault(data := url[head.end() :]):
        raise InvalidRequest("invalid image input")
    return data


def base64_fault(data: str) -> str:
    """What is wrong with standard padded base64; "" for nothing. Line ends may stand anywhere."""
    try:
        binascii.a2b_base64(data.replace("\r", "").replace("\n", ""), strict_mode=True)
    except ValueError as error:
        return str(error)
    return ""


def _head(image: str) -> bytes:
    text = image[: 4 * _HEAD_BYTES].replace("\r", "").replace("\n", "")
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""
