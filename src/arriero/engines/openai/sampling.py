"""Sampling parameters as servers that speak OpenAI's API take them, and what of them they pass over. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from arriero.engines.openai.quirks import Quirks
from arriero.types.chat import ChatPrompt, TextRequest
from arriero.types.sampling import SamplingParams

# The servers take no 0, which means the same as the smallest number that they take.
_LEAST_SHARE = 1e-6
_LEAST_REPEAT_PENALTY = 1e-3
_MOST_PENALTY = 2.0
_MOST_TOP_K = 2**30
# What Ollama says where nobody has asked for anything, or what changes nothing. Penalties look at the whole text
# in these engines, which is Ollama's -1.
_UNASKED: Mapping[str, frozenset[float]] = {
    "top_k": frozenset({0, 40}),
    "min_p": frozenset({0.0}),
    "repeat_penalty": frozenset({1.0, 0.0}),
    "typical_p": frozenset({0.0, 1.0}),
    "repeat_last_n": frozenset({-1, 64}),
    "num_keep": frozenset({0, 4}),
}
_FAMILIAR = ("top_k", "min_p", "repeat_penalty")


# Bodies are JSON in the making.
def sampling_body(params: SamplingParams, quirks: Quirks) -> dict[str, Any]:
    """Sampling parameters but for the limit; those that are not set are left out."""
    body: dict[str, Any] = {
        "temperature": _within(params.temperature, 0.0, quirks.most_temperature),
        "top_p": _within(params.top_p, _LEAST_SHARE, 1.0),
        "presence_penalty": _within(params.presence_penalty, -_MOST_PENALTY, _MOST_PENALTY),
        "frequency_penalty": _within(params.frequency_penalty, -_MOST_PENALTY, _MOST_PENALTY),
        "seed": params.seed if params.seed != -1 else None,
        "stop": list(params.stop[: quirks.most_stops]) or None,
        "logit_bias": {str(token): bias for token, bias in params.logit_bias} or None,
    }
    if "top_k" in quirks.samples and params.top_k is not None:
        body["top_k"] = min(params.top_k, _MOST_TOP_K) if params.top_k > 0 else -1
    if "min_p" in quirks.samples:
        body["min_p"] = _within(params.min_p, 0.0, 1.0)
    if "repeat_penalty" in quirks.samples and params.repeat_penalty:
        body["repetition_penalty"] = _within(params.repeat_penalty, _LEAST_REPEAT_PENALTY, quirks.most_repeat_penalty)
    return {name: value for name, value in body.items() if value is not None}


def passed_over(request: TextRequest, quirks: Quirks, *, is_seeded: bool = True) -> Sequence[str]:
    """What is asked of the sampling, and not heeded, or not as far. is_seeded: a seed has an effect."""
    params = request.sampling
    unknown = [name for name in _FAMILIAR if name not in quirks.samples]
    unknown += ["typical_p", "num_keep", *(["repeat_last_n"] if _penalises(params) else [])]
    found = [name for name in unknown if _is_asked(params, name)]
    if params.seed not in (None, -1) and not is_seeded and not _is_greedy(params):
        found.append("seed")
    if isinstance(request.prompt, ChatPrompt) and request.prompt.think_tokens is not None:
        # Of these servers some have such a limit, and refuse it unless they were started for it.
        found.append("budget_tokens")
    return found + [name for name, most in _limits(quirks).items() if _is_beyond(getattr(params, name), most)]


def _limits(quirks: Quirks) -> Mapping[str, float]:
    """Up to which number, whatever its sign, a parameter is heeded."""
    limits = {
        "temperature": quirks.most_temperature,
        "presence_penalty": _MOST_PENALTY,
        "frequency_penalty": _MOST_PENALTY,
    }
    return limits | ({"repeat_penalty": quirks.most_repeat_penalty} if "repeat_penalty" in quirks.samples else {})


def _is_beyond(value: float | None, most: float) -> bool:
    return value is not None and abs(value) > most


def _is_asked(params: SamplingParams, name: str) -> bool:
    value = getattr(params, name)
    return value is not None and value not in _UNASKED[name] and not (name == "top_k" and value < 0)


def _penalises(params: SamplingParams) -> bool:
    return bool(params.presence_penalty or params.frequency_penalty) or params.repeat_penalty not in (None, 0.0, 1.0)


def _is_greedy(params: SamplingParams) -> bool:
    return params.top_k == 1 or (params.temperature is not None and params.temperature <= 0)


def _within(value: float | None, least: float, most: float) -> float | None:
    return None if value is None else max(least, min(value, most))
