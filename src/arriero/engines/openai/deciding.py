"""A model of SGLang or vLLM that answers questions by probabilities (System One)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from arriero.engines.base import NextTokens, ServedModel
from arriero.engines.openai.quirks import Quirks
from arriero.engines.openai.tokenizing import TokenizingEngine
from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.system_one import ask_server
from arriero.errors import EngineFailed
from arriero.protocol.media import media_part
from arriero.types.chat import TextPrompt
from arriero.types.system_one import Decided, DecisionRequest

_COMPLETIONS, _GENERATE = "/v1/completions", "/generate"
_TIMEOUT_S = 3600.0
# vLLM tells tokens by their numbers in this way.
_NUMBER = "token_id:"
# It refuses to be asked for more at once.
_MOST_NUMBERS = 128


class _Details(Struct):
    cached_tokens: int | None = 0


class _Usage(Struct):
    prompt_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Logprobs(Struct):
    top_logprobs: list[dict[str, float | None] | None] | None = None


class _Choice(Struct):
    logprobs: _Logprobs | None = None


class Completed(Struct):
    """vLLM's answer."""

    choices: list[_Choice]
    usage: _Usage = field(default_factory=_Usage)


class _Meta(Struct):
    prompt_tokens: int = 0
    cached_tokens: int = 0
    # For each token of the answer, of each that was asked for: logarithm, number, text.
    output_token_ids_logprobs: list[list[tuple[float | None, int, str | None]]] = field(default_factory=list)


class Generated(Struct):
    """SGLang's answer."""

    meta_info: _Meta


class DecidingEngine(TokenizingEngine):
    """One model of a server that tells how likely any token is (see ``TellsNext``) and may decide (see ``Decides``)."""

    def __init__(self, quirks: Quirks, wire: OpenAIWire, model: ServedModel, *, is_cumulative: bool = False) -> None:
        super().__init__(quirks, wire, model, is_cumulative=is_cumulative)
        self._has_route = True

    async def decide(self, request: DecisionRequest) -> Decided:
        """A reading for each question (see ``Decides``). One whose server has no route is not asked again."""
        if not self._has_route:
            raise EngineFailed("the engine does not decide by itself", 501)
        try:
            return await ask_server(self._wire, self._model.name, request, _data_uri)
        except EngineFailed as error:
            self._has_route = not error.has_no_route
            raise

    async def next_tokens(self, prompt: TextPrompt, tokens: Sequence[int]) -> NextTokens:
        """How likely each of the tokens is behind a prompt (see ``TellsNext``): text, or tokens, and not both."""
        given = list(prompt.context) or prompt.text
        if self._quirks.generates_natively:
            generated = await self._wire.call(_GENERATE, generate_body(given, tokens), Generated, timeout_s=_TIMEOUT_S)
            return read_generated(generated, tokens)
        starts = range(0, len(tokens), _MOST_NUMBERS) or (0,)
        parts = [await self._completed(given, tokens[start : start + _MOST_NUMBERS]) for start in starts]
        logprobs = [each for part in parts for each in part.logprobs]
        return NextTokens(logprobs, parts[0].prompt_tokens, parts[0].cached_tokens)

    async def _completed(self, given: str | Sequence[int], tokens: Sequence[int]) -> NextTokens:
        body = completion_body(self._model.name, given, tokens)
        return read_completed(await self._wire.call(_COMPLETIONS, body, Completed, timeout_s=_TIMEOUT_S), tokens)


def completion_body(model: str, given: str | Sequence[int], tokens: Sequence[int]) -> Mapping[str, Any]:
    """What vLLM is asked."""
    return {
        "model": model,
        "prompt": given,
        "max_tokens": 1,
        "temperature": 0.0,
        "logprobs": 1,
        "logprob_token_ids": list(tokens),
        "return_tokens_as_token_ids": True,
    }


def read_completed(answer: Completed, tokens: Sequence[int]) -> NextTokens:
    """What vLLM says of tokens. Raises EngineFailed, with 501, where it is too old to be asked for them."""
    logprobs = answer.choices[0].logprobs if answer.choices else None
    first = (logprobs.top_logprobs or [None])[0] if logprobs else None
    found = first or {}
    cached = answer.usage.prompt_tokens_details.cached_tokens if answer.usage.prompt_tokens_details else 0
    told = [found.get(f"{_NUMBER}{token}", math.nan) for token in tokens]
    return NextTokens(_all(told), answer.usage.prompt_tokens, cached or 0)


def generate_body(given: str | Sequence[int], tokens: Sequence[int]) -> Mapping[str, Any]:
    """What SGLang is asked."""
    return {
        **({"text": given} if isinstance(given, str) else {"input_ids": given}),
        "sampling_params": {"max_new_tokens": 1, "temperature": 0.0},
        "return_logprob": True,
        "token_ids_logprob": list(tokens),
    }


def read_generated(answer: Generated, tokens: Sequence[int]) -> NextTokens:
    """What SGLang says of tokens. Raises EngineFailed, with 501, where it is too old to be asked for them."""
    meta = answer.meta_info
    first = meta.output_token_ids_logprobs[0] if meta.output_token_ids_logprobs else []
    found = {token: logprob for logprob, token, _ in first}
    return NextTokens(_all([found.get(token, math.nan) for token in tokens]), meta.prompt_tokens, meta.cached_tokens)


def _all(logprobs: Sequence[float | None]) -> Sequence[float]:
    """Natural logarithms; what JSON cannot write is null. NaN: nothing was said."""
    told = [-math.inf if each is None else each for each in logprobs]
    if any(math.isnan(each) for each in told):
        raise EngineFailed("the engine does not tell how likely given tokens are", 501)
    return told


def _data_uri(image: str) -> str:
    url: str = media_part(image)["image_url"]["url"]
    return url
