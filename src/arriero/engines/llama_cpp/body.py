"""What llama.cpp's server is asked for an answer: request bodies. Pure."""

from collections.abc import Mapping
from typing import Any

from arriero.engines.call_schema import call_format
from arriero.engines.chat_messages import chat_format, message_body
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, TextPrompt, TextRequest
from arriero.types.sampling import SamplingParams

_INT32_MAX = 2**31 - 1
# llama.cpp takes this seed for "choose one": a caller's seed must never become it by accident.
_RANDOM_SEED = 0xFFFFFFFF


def request_body(request: TextRequest, context: int, default_seed: int | None = None) -> dict[str, Any]:
    """The whole body; which route it is for is decided by the kind of prompt.

    context: tokens of a slot. default_seed: for requests that bring none.
    """
    body: dict[str, Any] = {"stream": True, **sampling_body(request.sampling, context, default_seed)}
    # llama.cpp has no log probability of the chosen token alone.
    tops = None if request.top_logprobs is None else max(1, request.top_logprobs)
    match request.prompt:
        case ChatPrompt() as prompt:
            body |= {
                "stream_options": {"include_usage": True},
                **chat_body(prompt),
                **chat_format(call_format(prompt) or request.json_format),
            }
            if prompt.think_tokens is not None:
                body["thinking_budget_tokens"] = min(prompt.think_tokens, _INT32_MAX)
            if tops:
                body |= {"logprobs": True, "top_logprobs": tops}
            if request.wants_stop_text and request.sampling.stop:
                # The last chunk then tells all about the answer, its prompt too: not a thing to ask for every time.
                body["verbose"] = True
        case TextPrompt(text=text, context=tokens):
            body |= {"stream_options": {"include_usage": True}, **_text_format(request.json_format)}
            body["prompt"] = [*tokens, text] if tokens else text
            if tops:
                body["logprobs"] = tops
        case InfillPrompt(prefix, suffix):
            body |= {"input_prefix": prefix, "input_suffix": suffix, **_text_format(request.json_format)}
            if tops:
                body["n_probs"] = tops
    return body


def chat_body(prompt: ChatPrompt) -> dict[str, Any]:
    """The part of a request that the chat template reads."""
    body: dict[str, Any] = {"messages": [message_body(message) for message in prompt.messages]}
    if prompt.think is not None:
        arguments: dict[str, Any] = {"enable_thinking": prompt.think is not False}
        if isinstance(prompt.think, str):
            arguments["reasoning_effort"] = prompt.think
        body["chat_template_kwargs"] = arguments
    if prompt.tools:
        body |= {"tools": prompt.tools, "parallel_tool_calls": not prompt.is_one_call}
        if prompt.tool_choice != "auto":
            # The template shows the tools all the same; `call_format` sees to it that one is called.
            body["tool_choice"] = "none"
    return body


def sampling_body(params: SamplingParams, context: int, default_seed: int | None = None) -> Mapping[str, Any]:
    """Sampling parameters under llama.cpp's names; those that are not set are left out.

    context: tokens of a slot: more than that many past tokens there are none to look at.
    """
    seed = params.seed if params.seed is not None else default_seed
    body = {
        "max_tokens": params.max_tokens and min(params.max_tokens, _INT32_MAX),
        "temperature": params.temperature,
        "top_k": params.top_k and max(-1, min(params.top_k, _INT32_MAX)),
        "top_p": params.top_p,
        "min_p": params.min_p,
        "typical_p": params.typical_p,
        "repeat_penalty": params.repeat_penalty,
        "repeat_last_n": None if params.repeat_last_n is None else _last_tokens(params.repeat_last_n, context),
        "presence_penalty": params.presence_penalty,
        "frequency_penalty": params.frequency_penalty,
        "n_keep": params.num_keep and max(-1, min(params.num_keep, _INT32_MAX)),
        "seed": None if seed is None or seed == -1 else narrow_seed(seed),
        "stop": list(params.stop) or None,
        "logit_bias": params.logit_bias or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _last_tokens(number: int, context: int) -> int:
    # llama.cpp takes memory for as many tokens as it is told, and does not know Ollama's -1, which means all.
    return context if number < 0 else min(number, context)


def narrow_seed(seed: int) -> int:
    """A seed of any width in llama.cpp's 32 bits, and never the value that means "random"."""
    narrow = seed % 2**32
    return narrow if narrow != _RANDOM_SEED else _RANDOM_SEED - 1


def _text_format(wanted: JsonFormat | None) -> dict[str, Any]:
    return {} if wanted is None else {"json_schema": wanted.schema or {"type": "object"}}
