"""Which of two models answers a request, and why."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

# The small model, which is near; the powerful one, which is not.
Side = Literal["local", "remote"]
SIDES: tuple[Side, Side] = ("local", "remote")


class Reason(StrEnum):
    """Why a side was chosen; the stages that say so, in the order in which they are asked."""

    FORCED = "forced"
    """The request names the side: by its model's name, a header or an option. Local then means local only."""
    PRIVATE_RULE = "private_rule"
    """A rule of the user's says that the request must stay local."""
    USER_RULE = "user_rule"
    """A rule of the user's prefers a side."""
    IMAGES = "images"
    TOOLS = "tools"
    THINKING = "thinking"
    SCHEMA = "schema"
    INSERT = "insert"
    """Only one side can do what is asked: look at images, call tools, think, keep to a schema, fill a gap."""
    CONTEXT = "context"
    """Prompt and wanted answer are longer than the other side's context."""
    UNHEALTHY = "unhealthy"
    """The other side fails, and is left alone for a while."""
    BUSY = "busy"
    """The other side has as much to do as it may have."""
    TOOL_LOOP = "tool_loop"
    """The answer of a tool belongs to who has called it."""
    SESSION = "session"
    """The conversation stays where it is."""
    SCORE = "score"
    """The score lies on that side of the threshold."""
    SHARE = "share"
    """The share of requests that go remote is held."""
    COST = "cost"
    """What may be spent is spent."""
    FAILOVER = "failover"
    """The side that was chosen first has failed before its first byte."""
    SECOND_LOOK = "second_look"
    """The answer of the side that was chosen first was no good."""


_FIRM = frozenset(
    {
        Reason.FORCED,
        Reason.PRIVATE_RULE,
        Reason.IMAGES,
        Reason.TOOLS,
        Reason.THINKING,
        Reason.SCHEMA,
        Reason.INSERT,
        Reason.CONTEXT,
    }
)


# Kinds of ``ScorerFailed``.
_FAILURES = ("timeout", "down", "unclear", "failed")


class Score(Struct, frozen=True):
    """How likely it is that the remote model is worth it: 0 to 1.

    scorer: whose number this is. took_ms: milliseconds. verdict: what a judge has said: SIMPLE or COMPLEX; "" where no
    judge spoke. notes: what should be known of how the number came about, such as ``cached``, ``bounded``, ``text`` or
    ``judge_timeout``.
    """

    probability: float
    scorer: str
    took_ms: float = 0.0
    verdict: str = ""
    notes: tuple[str, ...] = ()

    @property
    def judge_failure(self) -> str:
        """How a judge failed whom this scorer stands in for, as in ``timeout``; "" where none did."""
        # A stack's notes begin with their scorer's name, too: what its judge has noted is no failure.
        return next((kind for kind in _FAILURES if f"judge_{kind}" in self.notes), "")


class Decision(Struct, frozen=True):
    """Who answers a request, and why. Comes before all else of an answer that a router has found somebody for.

    side; model: who answers. reason: the first of the stages that had something to say; detail: in words, where there
    is more to tell. score: None where nobody was asked for one. threshold: what it was held against. chosen: who should
    have answered, where that is somebody else, as after a failure or in shadow. took_ms: what deciding took.
    """

    side: Side
    model: str
    reason: Reason
    detail: str = ""
    score: Score | None = None
    threshold: float | None = None
    chosen: Side | None = None
    took_ms: float = 0.0

    @property
    def judge(self) -> str:
        """What a judge has said: SIMPLE or COMPLEX; "" where none was asked, or none has answered."""
        return self.score.verdict if self.score else ""

    @property
    def is_firm(self) -> bool:
        """Whether it is no matter of what is better: the request says so, or only that side may or can answer."""
        return self.reason in _FIRM


class Wish(Struct, frozen=True):
    """What a request says of its way.

    force: who must answer; local then means that nobody else may. keys: the API keys that it came with; metadata: what
    else its sender tells of it, for the user's rules. session: what its sender calls the conversation, if anything.
    """

    force: Side | None = None
    keys: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    session: str = ""


NO_WISH = Wish()


def most_private(forces: Iterable[Side | None]) -> Side | None:
    """What holds where a request says several things: local before remote, and anything before nothing."""
    said = set(forces)
    return "local" if "local" in said else "remote" if "remote" in said else None


def other(side: Side) -> Side:
    """The other one."""
    return "remote" if side == "local" else "local"


def side_of(text: str) -> Side | None:
    """The side that a text names; None where it names none."""
    return next((side for side in SIDES if side == text), None)
