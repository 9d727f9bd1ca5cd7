"""What a request to ``/api/chat`` or ``/api/generate`` may ask of a model, in the order and words of Ollama."""

from arriero.errors import InvalidRequest
from arriero.protocol import ollama as wire
from arriero.protocol import ollama_convert as convert
from arriero.types.models import Capability, ModelRecord
from arriero.types.names import parse_name


def check_chat(request: wire.ChatRequest, record: ModelRecord) -> None:
    """Raise InvalidRequest for the first thing that the model cannot do, or this server not yet."""
    require(record, "completion", f'"{request.model}" does not support chat')
    if request.tools or any(message.tool_calls for message in request.messages):
        require(record, "tools", f"{_full_name(record)} does not support tools")
    if convert.images_of(request):
        require(record, "vision", f'"{request.model}" does not support image input')
    _check_logprobs(logprobs=request.logprobs)


def check_generate(request: wire.GenerateRequest, record: ModelRecord) -> None:
    """Raise InvalidRequest for the first thing that contradicts itself or that the model cannot do."""
    if request.raw and (request.template or request.system or request.context):
        raise InvalidRequest("raw mode does not support template, system, or context")
    require(record, "completion", f'"{request.model}" does not support generate')
    if request.suffix:
        require(record, "insert", f"{_full_name(record)} does not support insert")
    if request.images:
        require(record, "vision", f'"{request.model}" does not support image input')
    if request.template:
        raise InvalidRequest("a template of the request's own is not supported yet: leave template out")
    if request.context:
        raise InvalidRequest("context is not supported yet: send the conversation to /api/chat")
    _check_logprobs(logprobs=request.logprobs)


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


def _check_logprobs(*, logprobs: bool) -> None:
    if logprobs:
        raise InvalidRequest("logprobs are not supported yet: leave logprobs out")


def _full_name(record: ModelRecord) -> str:
    try:
        return parse_name(record.name).full
    except InvalidRequest:
        return record.name
