"""How hard a model shall think, in the words of OpenAI's API. Pure."""

from collections.abc import Mapping

from arriero.errors import InvalidRequest
from arriero.types.chat import ThinkLevel

_EFFORTS: Mapping[str, bool | ThinkLevel | None] = {
    "": None,
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "ultra": "max",
    "max": "max",
}


def read_effort(effort: str) -> bool | ThinkLevel | None:
    """What an effort means for thinking; None for "". Raises InvalidRequest, in Ollama's words, for an unknown one."""
    if effort not in _EFFORTS:
        words = '"minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none"'
        raise InvalidRequest(f'invalid reasoning value: "{effort}" (must be {words})')
    return _EFFORTS[effort]
