"""Questions to a server that may not know them: what it is, and what can be known of its models."""

from collections.abc import Mapping
from typing import Any, TypeVar

from arriero.engines.openai.wire import OpenAIWire
from arriero.errors import EngineDied, EngineFailed

T = TypeVar("T")

PROBE_TIMEOUT_S = 5.0
# What a server, or what stands before it, answers while it has no time or is not up yet.
_FOR_NOW = frozenset({429, 502, 503, 504})


class Questions:
    """Asks what need not be answered.

    is_complete: all that was asked has been answered, be it with a refusal. has_more: there is more to ask than one
    look has time for.
    """

    def __init__(self, wire: OpenAIWire) -> None:
        self._wire = wire
        self._is_gone = False
        self.is_complete = True
        self.has_more = False

    async def get(self, path: str, answer: type[T]) -> T | None:
        """What is at a path; None where it cannot be had."""
        found = await self._ask(path, None, answer)
        return None if isinstance(found, EngineFailed) else found

    # A request body is JSON that the caller has just made: only the encoder reads it.
    async def post(self, path: str, body: Mapping[str, Any], answer: type[T]) -> T | EngineFailed:
        """What is answered, or why nothing is."""
        return await self._ask(path, body, answer)

    async def refusal(self, path: str, body: Mapping[str, Any]) -> EngineFailed | None:
        """How a request is refused; None where it is not, or nobody knows."""
        found = await self._ask(path, body, object)
        return found if isinstance(found, EngineFailed) and not isinstance(found, EngineDied) else None

    async def _ask(self, path: str, body: Mapping[str, Any] | None, answer: type[T]) -> T | EngineFailed:
        if self._is_gone:
            # A server that is stuck is not waited for again and again.
            return EngineDied("the engine took too long")
        try:
            if body is None:
                return await self._wire.get(path, answer, timeout_s=PROBE_TIMEOUT_S)
            return await self._wire.call(path, body, answer, timeout_s=PROBE_TIMEOUT_S)
        except EngineFailed as error:
            self._is_gone = isinstance(error, EngineDied)
            self.is_complete = self.is_complete and not self._is_gone and error.status not in _FOR_NOW
            return error
