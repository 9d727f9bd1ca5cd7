"""What a request may ask of a model, in the words of Ollama."""

from collections.abc import Mapping, Sequence
from typing import Any

from arriero.errors import ImageRefused, InvalidRequest
from arriero.protocol.media import media_kind
from arriero.protocol.ollama_convert import Think
from arriero.types.models import Capability, ModelRecord
from arriero.types.names import parse_name


def require(record: ModelRecord, capability: Capability, message: str) -> None:
    """Raise InvalidRequest with the message where the model lacks the capability."""
    if capability not in record.capabilities:
        raise InvalidRequest(message)


def require_decisions(record: ModelRecord, model: str) -> None:
    """Raise InvalidRequest where the model neither was made to decide nor answers in words. ``model``: as asked for."""
    if not {"decision", "completion"} & set(record.capabilities):
        raise InvalidRequest(f'"{model}" does not support decisions')


# A tool is JSON of the caller's own.
def require_tools(record: ModelRecord, tools: Sequence[Mapping[str, Any]]) -> None:
    """Raise InvalidRequest where there are tools and the model knows none, or one is no function with a name."""
    if not tools:
        return
    require(record, "tools", f"{_full_name(record)} does not support tools")
    for number, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
            raise InvalidRequest(f"tools[{number}] has no function with a name")


def require_insert(record: ModelRecord, suffix: str) -> None:
    """Raise InvalidRequest where there is text behind a gap, and the model cannot fill one."""
    if suffix:
        require(record, "insert", f"{_full_name(record)} does not support insert")


def require_images(record: ModelRecord, images: Sequence[str], model: str) -> None:
    """Raise ImageRefused where there are images that the model cannot look at, InvalidRequest for sounds.

    model: as asked for.
    """
    if images and media_kind(images[0]).startswith("audio/") and "vision" not in record.capabilities:
        raise InvalidRequest(f'"{model}" does not support audio input')
    if images and "vision" not in record.capabilities:
        raise ImageRefused(f'"{model}" does not support image input')
    for number, image in enumerate(images):
        if media_kind(image) in {"", "image/webp"}:
            raise ImageRefused(f"image {number + 1} is neither PNG, JPEG, GIF nor BMP: convert it first")


def decide_think(asked: Think, model: str, record: ModelRecord) -> Think:
    """Decide whether the model thinks: one that can does, unless it is told otherwise. ``model``: as asked for."""
    if "thinking" in record.capabilities:
        # Of a router's models, each decides for itself.
        return True if asked is None and record.carrier != "router" else asked
    if asked:
        raise InvalidRequest(f'"{model}" does not support thinking')
    return None


def _full_name(record: ModelRecord) -> str:
    try:
        return parse_name(record.name).full
    except InvalidRequest:
        return record.name
