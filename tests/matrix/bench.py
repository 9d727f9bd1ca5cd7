"""What one column of the table is asked of: arriero in front of an engine, with and without thinking."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

# Bodies and answers are JSON.
from typing import Any

import ollama

from tests.engines_live.subject import Subject
from tests.live.launching import PARIS

ANSWER = "The capital of France is Paris."
STORY = "Tell me a story."
TURN = [{"role": "user", "content": PARIS}]
GREEDY = {"temperature": 0, "num_predict": 24}
WARM = {"temperature": 1.5, "num_predict": 16}
# Goes on to the end of the context.
ENDLESS: dict[str, Any] = {"raw": True, "options": {"temperature": 0, "num_predict": -1}}
NUMBERS = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,"
_TIMEOUT_S = 300.0


class CannotBeTold(Exception):
    """This column has no way to look at it; the message says why."""


@dataclass(frozen=True)
class Bench:
    """A column's servers.

    plain: SmolLM2 under its own template. thinking: the same under a template that shows it how to think and to call
    tools. is_busy: whether the engine of ``plain`` works on an answer, by what the engine itself tells. end_engine: end
    the engine of ``thinking`` while it answers; None where it is not ours.
    """

    plain: Subject
    thinking: Subject
    is_busy: Callable[[], bool]
    end_engine: Callable[[], None] | None = None

    @property
    def model(self) -> str:
        """The name of both models."""
        return self.plain.model

    @cached_property
    def client(self) -> ollama.Client:
        """Ollama's client for ``plain``."""
        return ollama.Client(self.plain.url, timeout=_TIMEOUT_S)

    @cached_property
    def thinker(self) -> ollama.Client:
        """Ollama's client for ``thinking``."""
        return ollama.Client(self.thinking.url, timeout=_TIMEOUT_S)

    def say(self, text: str = PARIS, **options: Any) -> str:
        """What is said to a text under options, by chat."""
        answer = self.client.chat(self.model, [{"role": "user", "content": text}], options={**GREEDY, **options})
        return answer.message.content or ""

    def generate(self, prompt: str = PARIS, **fields: Any) -> ollama.GenerateResponse:
        """The answer of generate; greedy, unless the fields say otherwise."""
        answer: ollama.GenerateResponse = self.client.generate(self.model, prompt, **{"options": GREEDY, **fields})
        return answer

    def parts(self, text: str = PARIS, **fields: Any) -> list[ollama.ChatResponse]:
        """The parts of a streamed chat."""
        turn = [{"role": "user", "content": text}]
        found: Iterator[ollama.ChatResponse] = self.client.chat(
            self.model, turn, stream=True, **{"options": GREEDY, **fields}
        )
        return list(found)

    def refused(self, call: Callable[[], object], status: int) -> str:
        """Why the client's call is refused, with this status."""
        try:
            answer = call()
        except ollama.ResponseError as error:
            told = error
        else:
            raise AssertionError(f"answered, and not refused with {status}: {str(answer)[:200]}")
        assert told.status_code == status, f"{told.status_code} in place of {status}: {told.error}"
        return told.error


def text_of(parts: list[ollama.ChatResponse]) -> str:
    """The text of a stream."""
    return "".join(part.message.content or "" for part in parts)
