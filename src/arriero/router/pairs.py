"""Requests that both sides have answered, and what the user thinks of the answers: what a router learns from. Pure."""

from collections.abc import Sequence

from msgspec import Struct


class Pair(Struct, frozen=True):
    """Two answers to one request.

    at_s: seconds since 1970. router: the model that was asked for. prompt, and the answers: "" where prompts are not
    kept. local_chars, remote_chars: how long the answers were. score; scorer: what was expected. local_quality,
    remote_quality: 0 to 1, None until somebody has said. id: its number, once it is written.
    """

    at_s: float
    router: str
    prompt: str
    local_answer: str
    remote_answer: str
    request_id: str = ""
    prompt_hash: str = ""
    local_chars: int = 0
    remote_chars: int = 0
    score: float | None = None
    scorer: str = ""
    local_quality: float | None = None
    remote_quality: float | None = None
    id: int = 0


class LabelledPrompt(Struct, frozen=True):
    """A line of what weights are fitted to. gain: what the remote answer is better by."""

    prompt: str
    q_local: float
    q_remote: float
    gain: float
    score: float | None = None
    scorer: str = ""


def labelled(pairs: Sequence[Pair]) -> list[LabelledPrompt]:
    """What can be learned from: pairs whose text is kept, and whose answers somebody has judged."""
    return [
        LabelledPrompt(
            *(pair.prompt, pair.local_quality, pair.remote_quality, pair.remote_quality - pair.local_quality),
            *(pair.score, pair.scorer),
        )
        for pair in pairs
        if pair.prompt and pair.local_quality is not None and pair.remote_quality is not None
    ]
