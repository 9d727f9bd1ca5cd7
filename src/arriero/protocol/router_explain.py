"""The wire types of ``POST /api/router/explain``, which is arriero's own: who would answer a request, and why."""

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.answer_route import AnswerRoute
from arriero.protocol.ollama import Loose, WireMessage


class ExplainRequest(Struct):
    """A request to a router as ``/api/chat`` takes it; ``prompt`` with ``images`` in place of one message."""

    model: str = ""
    messages: list[WireMessage] = field(default_factory=list)
    prompt: str = ""
    images: list[str] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    format: Loose | UnsetType = UNSET
    options: dict[str, Any] = field(default_factory=dict)
    think: Loose | UnsetType = UNSET


class ExplainStage(Struct):
    """What one stage says, "" for nothing; ``side``: whom it is for; ``decides``: it is the one that is heard."""

    stage: str
    said: str
    side: str | UnsetType = UNSET
    decides: bool = False


class ExplainResponse(Struct):
    """The stages in order, and what they come to. private: nobody but the local side would be asked."""

    model: str
    stages: list[ExplainStage]
    decision: AnswerRoute
    private: bool = False
