"""The wire types of ``/api/pull`` and ``/api/push``, in Ollama's order of fields."""

from msgspec import UNSET, Struct, UnsetType


class PullRequest(Struct):
    """``POST /api/pull``. Older clients say ``name`` for ``model``; a user and a password are not looked at."""

    model: str = ""
    insecure: bool = False
    stream: bool = True
    name: str = ""


class PushRequest(Struct):
    """``POST /api/push``. Older clients say ``name`` for ``model``; a user and a password are not looked at."""

    model: str = ""
    insecure: bool = False
    stream: bool = True
    name: str = ""


class ProgressResponse(Struct):
    """How far a step is. ``total`` and ``completed`` are bytes, absent where they are 0, as Go omits them."""

    status: str
    digest: str | UnsetType = UNSET
    total: int | UnsetType = UNSET
    completed: int | UnsetType = UNSET
