"""What a request to ``/api/chat`` or ``/api/generate`` may ask of a model, in the order and words of Ollama."""

from collections.abc import Mapping, Sequence
from typing import Any

from arriero.errors import InvalidRequest
from arriero.protocol import ollama as wire
from arriero.protocol import ollama_convert as convert
from arriero.protocol.media import media_kind
from arriero.types.models import Capability, ModelRecord
from arriero.types.names import parse_name


def check_chat(request: wire.ChatRequest, record: ModelRecord) -> None:
    """Raise InvalidRequest for the first thing that the model cannot do."""
    require(record, "completion", f'"{request.model}" does not support chat')
    if request.tools:
        require(record, "tools", f"{_full_name(record)} does not support tools")
        _check_tools(request.tools)
    _check_images(convert.images_of(request), request.model, record)


def check_generate(request: wire.GenerateRequest, record: ModelRecord) -> None:
    """Raise InvalidRequest for the first thing that contradicts itself or that the model cannot do."""
    if request.raw and (request.template or request.system or request.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    require(record, "completion", f'"{request.model}" does not support generate')
    if request.suffix:
        require(record, "insert", f"{_full_name(record)} does not support insert")
    _check_images(request.images, request.model, record)
    if request.images and (request.raw or request.template or request.context):
        raise InvalidRequest("images cannot be combined with raw, template or context: send them to /api/chat")


def check_think(think: convert.Think, model: str, record: ModelRecord) -> convert.Think:
    """Decide whether the model thinks: one that can does, unless it is told otherwise. ``model``: as asked for."""
    if "thinking" in record.capabilities:
        return True if think is None else think
    if think:
        raise InvalidRequest(f'"{model}" does not support thinking')
    return None


def require(record: ModelRecord, capability: Capability, message: str) -> None:
    """Raise InvalidRequest with the message where the model lacks the capability."""
    if capability not in record.capabilities:
        raise InvalidRequest(message)


# A tool is JSON of the caller's own.
def _check_tools(tools: Sequence[Mapping[str, Any]]) -> None:
    for number, tool in enumerate(tools):
        function = tool.get("function")
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
            raise InvalidRequest(f"tools[{number}] has no function with a name")


def _check_images(images: Sequence[str], model: str, record: ModelRecord) -> None:
    if not images:
        return
    require(record, "vision", f'"{model}" does not support image input')
    for number, image in enumerate(images):
        if media_kind(image) in {"", "image/webp"}:
            raise InvalidRequest(f"image {number + 1} is neither PNG, JPEG, GIF nor BMP: convert it first")


def _full_name(record: ModelRecord) -> str:
    try:
        return parse_name(record.name).full
    except InvalidRequest:
        return record.name
