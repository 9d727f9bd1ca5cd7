"""What a request to ``/api/chat`` or ``/api/generate`` may ask of a model, in the order of Ollama."""

from arriero.errors import InvalidRequest
from arriero.protocol import ollama as wire
from arriero.protocol import ollama_convert as convert
from arriero.server.abilities import require, require_images, require_insert, require_tools
from arriero.types.models import ModelRecord

_MOST_TOKEN = 2**31 - 1


def check_chat(request: wire.ChatRequest, record: ModelRecord) -> None:
    """Raise InvalidRequest for the first thing that the model cannot do."""
    require(record, "completion", f'"{request.model}" does not support chat')
    require_tools(record, request.tools)
    require_images(record, convert.images_of(request), request.model)


def check_generate(request: wire.GenerateRequest, record: ModelRecord) -> None:
    """Raise InvalidRequest for the first thing that contradicts itself or that the model cannot do."""
    if request.raw and (request.template or request.system or request.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    require(record, "completion", f'"{request.model}" does not support generate')
    require_insert(record, request.suffix)
    require_images(record, request.images, request.model)
    if request.images and (request.raw or request.template or request.context or request.suffix):
        raise InvalidRequest("images cannot be combined with raw, template, context or suffix: send them to /api/chat")
    if request.suffix and request.context:
        raise InvalidRequest("suffix cannot be combined with context: leave one of them out")
    if any(not 0 <= token <= _MOST_TOKEN for token in request.context):
        raise InvalidRequest("context has a number that is no token: send what an earlier answer has returned")
