"""Makes a request to a router one to the model that answers it, with that model's own text and settings. Pure."""

from dataclasses import replace as replace_fields

import msgspec
from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol.ollama_convert import with_model
from arriero.protocol.ollama_options import options_for, to_load_options, to_sampling
from arriero.types.chat import ChatPrompt, InfillPrompt, TextRequest, ThinkLevel
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord
from arriero.types.routing import NO_WISH
from arriero.types.sampling import SamplingParams


def side_request(request: TextRequest, demand: Demand, record: ModelRecord) -> tuple[TextRequest, Demand]:
    """The request and the demand as the model would have got them itself. Raises InvalidRequest for what it cannot do.

    What the request leaves open, the model's own settings say, and Ollama's where it is a file of this server's.
    """
    if not isinstance(request.prompt, InfillPrompt) and request.prompt.context:
        raise InvalidRequest(
            "a router keeps no context of tokens, which only one of its models could read: send messages to /api/chat"
        )
    options = options_for(record)
    sampling = _filled(request.sampling, to_sampling(options))
    asked, own = demand.options or LoadOptions(), to_load_options(options)
    filled = {name: value for name in _LOADING if getattr(asked, name) is None and (value := getattr(own, name))}
    fitted = replace(
        request,
        prompt=_prompt(request, request.prompt, record) if isinstance(request.prompt, ChatPrompt) else request.prompt,
        sampling=sampling,
        num_ctx=request.num_ctx or own.context,
        wants_context=False,
    )
    return fitted, Demand(demand.keep_alive_s, replace_fields(asked, **filled), NO_WISH)


_LOADING = ("context", "batch", "gpu_layers", "main_gpu", "is_mapped", "threads")


def _filled(asked: SamplingParams, own: SamplingParams) -> SamplingParams:
    """What was asked, over what the model says itself."""
    values = {name: value for name, value in msgspec.structs.asdict(asked).items() if value not in {None, ()}}
    return replace(own, **values)


def _prompt(request: TextRequest, prompt: ChatPrompt, record: ModelRecord) -> ChatPrompt:
    if prompt.tools and "tools" not in record.capabilities:
        raise InvalidRequest(f"{record.name} does not support tools")
    if any(turn.images for turn in prompt.messages) and "vision" not in record.capabilities:
        raise InvalidRequest(f'"{record.name}" does not support image input')
    brought = with_model(prompt.messages, record, _think(prompt.think, request, record))
    return replace(brought, tools=prompt.tools, tool_choice=prompt.tool_choice, is_one_call=prompt.is_one_call)


def _think(asked: bool | ThinkLevel | None, request: TextRequest, record: ModelRecord) -> bool | ThinkLevel | None:
    """As a model does that is asked itself: one that can think does, unless it is told otherwise."""
    if "thinking" in record.capabilities:
        return True if asked is None else asked
    if asked and not request.may_skip_thinking:
        raise InvalidRequest(f'"{record.name}" does not support thinking')
    return None
