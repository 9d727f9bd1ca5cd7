"""What a turn, or what a tool gave, is made of: text, pictures, and documents, which become text. Pure."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol import anthropic as wire
from arriero.protocol.go_json import read_value
from arriero.protocol.media import base64_fault
from arriero.protocol.ollama import Loose

_PDF = "application/pdf"
# Begins as Anthropic's own refusal does: Claude Code then leaves the file out of what it sends next, and goes on.
_NO_PDF = "The PDF specified was not valid: no model here reads PDF, so send its text"


class Part(Struct, frozen=True):
    """Text, and pictures in standard base64."""

    text: str = ""
    images: tuple[str, ...] = ()


# A block is JSON until its type is known.
def blocks_of(content: Loose | UnsetType) -> Sequence[Any]:
    """The blocks of a content, which may be a text. Raises InvalidRequest for anything else."""
    match content:
        case UnsetType():
            return ()
        case str(text):
            return ({"type": "text", "text": text},)
        case list(blocks):
            return blocks
        case _:
            raise InvalidRequest("content must be a string or an array of blocks")


def kind_of(block: Any) -> str:
    """The type of a block."""
    if not isinstance(block, dict):
        raise InvalidRequest("a content block must be an object")
    return str(block.get("type"))


def read_part(block: Any, missing: str = "invalid image source") -> Part:
    """What a block adds; nothing where its type is none that is read.

    missing: what is said of a picture that is not there. Raises InvalidRequest, too, for what would be lost: documents
    that are no text, and files that lie elsewhere.
    """
    match kind_of(block):
        case "text":
            return Part(read_value(block, wire.TextIn).text)
        case "image":
            return Part("", (_image(read_value(block, wire.ImageIn), missing),))
        case "document":
            return _document(read_value(block, wire.DocumentIn))
        case "search_result":
            found = read_value(block, wire.SearchResultIn)
            return _tagged("search_result", {"title": found.title, "source": found.source}, found.content)
        case "tool_reference":
            return Part(read_value(block, wire.ToolReferenceIn).tool_name)
        case "container_upload":
            raise InvalidRequest("this server keeps no files (container_upload): send what is in it as text")
        case _:
            return Part()


def read_parts(content: Loose | UnsetType, missing: str = "invalid image source") -> Part:
    """All that a content has."""
    parts = [read_part(block, missing) for block in blocks_of(content)]
    return Part("".join(part.text for part in parts), tuple(image for part in parts for image in part.images))


def _image(block: wire.ImageIn, missing: str) -> str:
    if isinstance(block.source, UnsetType):
        raise InvalidRequest(missing)
    if block.source.type != "base64":
        raise InvalidRequest(f"invalid image source type: {block.source.type}. Only base64 images are supported.")
    if not block.source.data or (fault := base64_fault(block.source.data)):
        raise InvalidRequest(f"invalid base64 image data: {fault if block.source.data else 'there is none'}")
    return block.source.data


def _document(block: wire.DocumentIn) -> Part:
    told = {"title": block.title, "context": block.context}
    match block.source.type:
        case "text":
            return _tagged("document", told, block.source.data)
        case "content":
            return _tagged("document", told, block.source.content)
        case _ if block.source.media_type == _PDF:
            raise InvalidRequest(_NO_PDF)
        case kind:
            raise InvalidRequest(f"a document of the source {kind!r} cannot be read here: send its text")


def _tagged(tag: str, told: dict[str, str], content: Loose | UnsetType) -> Part:
    """Marks where a document begins and ends, as models are used to it."""
    inner = read_parts(content)
    head = "".join(f"<{name}>{value}</{name}>\n" for name, value in told.items() if value)
    return Part(f"<{tag}>\n{head}{inner.text}\n</{tag}>\n", inner.images)
