"""What an Ollama is asked for an answer: paths and bodies of its native API. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from arriero.errors import EngineFailed
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, NamedTool, TextPrompt, TextRequest
from arriero.types.loading import Demand, LoadOptions
from arriero.types.sampling import SamplingParams

CHAT, GENERATE = "/api/chat", "/api/generate"
# Ollama refuses to tell more of them.
MOST_TOP_LOGPROBS = 20
# Go counts 64 bits of nanoseconds.
_LONGEST_KEEP_ALIVE_S = 9e9
_SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
    "num_keep",
    "seed",
)


# Bodies are JSON in the making.
def path_and_body(model: str, request: TextRequest, demand: Demand) -> tuple[str, dict[str, Any]]:
    """Where a request goes, and what is sent. Raises EngineFailed for what an Ollama has no way to be asked.

    What nobody has asked for is left out: there the model's own parameters hold, and those of that Ollama.
    """
    match request.prompt:
        case ChatPrompt(context=context) as prompt:
            turn = _one_turn(prompt) if context or request.wants_context else None
            if context and turn is None:
                raise EngineFailed(
                    "an Ollama goes on from the context of an earlier answer with one message: send all messages", 400
                )
            path, asked = (CHAT, _chat(prompt)) if turn is None else (GENERATE, {**turn, **_context(prompt)})
            if prompt.think is not None:
                asked["think"] = prompt.think
        case TextPrompt(context=(_, *_)):
            raise EngineFailed("an Ollama cannot go on from the context of an earlier answer with a bare text", 400)
        case TextPrompt(text=text) | InfillPrompt(prefix=text, suffix=""):
            path, asked = GENERATE, {"prompt": _not_empty(text), "raw": True}
        case InfillPrompt(prefix, suffix):
            path, asked = GENERATE, {"prompt": _not_empty(prefix), "suffix": suffix}
    return path, {"model": model, "stream": True, **asked, **_settings(request, demand)}


def offered_tools(prompt: ChatPrompt) -> Sequence[Mapping[str, Any]]:
    """The tools that the model is shown: where one of them must be called, which Ollama cannot enforce, only that."""
    choice = prompt.tool_choice
    if not isinstance(choice, NamedTool):
        return prompt.tools
    return [tool for tool in prompt.tools if tool.get("function", {}).get("name") == choice.name]


def _settings(request: TextRequest, demand: Demand) -> dict[str, Any]:
    """All that is no prompt."""
    loading = demand.options or LoadOptions()
    options = _options(request.sampling) | _load_options(loading, request.num_ctx)
    body: dict[str, Any] = {"options": options} if options else {}
    if request.json_format is not None:
        body["format"] = _format(request.json_format)
    if request.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": min(request.top_logprobs, MOST_TOP_LOGPROBS)}
    if demand.keep_alive_s is not None:
        body["keep_alive"] = _keep_alive(demand.keep_alive_s)
    if not request.is_truncating:
        body["truncate"] = False
    if request.is_shifting or loading.is_shifting:
        # Ollama's own default, and arriero's is the contrary: to be told otherwise, an Ollama loads the model anew, and
        # again for the next client that tells nothing.
        body["shift"] = True
    return body


def _options(params: SamplingParams) -> dict[str, Any]:
    options = {name: value for name in _SAMPLING if (value := getattr(params, name)) is not None}
    if params.max_tokens is not None:
        options["num_predict"] = params.max_tokens
    if params.stop:
        options["stop"] = list(params.stop)
    return options


def _load_options(wanted: LoadOptions, num_ctx: int | None) -> dict[str, Any]:
    options = {
        "num_ctx": num_ctx or wanted.context,
        "num_batch": wanted.batch,
        "num_gpu": wanted.gpu_layers,
        "main_gpu": wanted.main_gpu,
        "use_mmap": wanted.is_mapped,
        "num_thread": wanted.threads,
    }
    return {name: value for name, value in options.items() if value is not None}


def _format(wanted: JsonFormat) -> str | dict[str, Any]:
    return "json" if wanted.schema is None else wanted.schema


def _keep_alive(keep_alive_s: float) -> float:
    return keep_alive_s if 0 <= keep_alive_s < _LONGEST_KEEP_ALIVE_S else -1


def _chat(prompt: ChatPrompt) -> dict[str, Any]:
    if not prompt.messages:
        raise _nothing()
    names = {call.id: call.name for message in prompt.messages for call in message.tool_calls if call.id}
    body: dict[str, Any] = {"messages": [_message(message, names) for message in prompt.messages]}
    return body | ({"tools": offered_tools(prompt)} if prompt.tools else {})


def _message(message: Message, names: Mapping[str, str]) -> dict[str, Any]:
    """One turn. names: of the tools that were called, by the calls' ids: many templates know a result by that only."""
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        wire["thinking"] = message.thinking
    if message.images:
        wire["images"] = message.images
    if message.tool_calls:
        wire["tool_calls"] = [
            {
                **({"id": call.id} if call.id else {}),
                "function": {"index": index, "name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(message.tool_calls)
        ]
    if tool_name := message.tool_name or names.get(message.tool_call_id):
        wire["tool_name"] = tool_name
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _one_turn(prompt: ChatPrompt) -> dict[str, Any] | None:
    """A chat of one message, as ``/api/generate`` takes it, which tells and takes contexts; None for any other."""
    match prompt.messages:
        case (Message(role="user", content=text) as user,) if text:
            system = ""
        case (Message(role="system", content=system, images=()), Message(role="user", content=text) as user) if text:
            pass
        case _:
            return None
    if prompt.tools:
        return None
    body: dict[str, Any] = {"prompt": text}
    if system:
        body["system"] = system
    if user.images:
        body["images"] = user.images
    return body


def _context(prompt: ChatPrompt) -> dict[str, Any]:
    return {"context": prompt.context} if prompt.context else {}


def _not_empty(text: str) -> str:
    if not text:
        raise _nothing()
    return text


def _nothing() -> EngineFailed:
    # It would load the model and answer nothing.
    return EngineFailed("an Ollama generates nothing where no text stands before the answer: send a prompt", 400)
