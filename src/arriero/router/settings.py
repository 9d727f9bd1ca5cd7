"""What the user says of a router. Every number has a default that needs no thought."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arriero.router.rules import Rule
from arriero.types.routing import Side

DEFAULT_NAME = "smart"
# "cascade": linear first, and the judge only where that is not sure.
ScorerKind = Literal["cascade", "judge", "linear", "fitted", "stack"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a side can take. most_in_flight: answers under way at once; None: as many as come."""

    most_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """What remote tokens cost, and what may be spent.

    price_in, price_out: of a million tokens, in any currency. budget: in the same, of every period_s seconds; None:
    nothing is capped.
    """

    price_in: float = 0.0
    price_out: float = 0.0
    budget: float | None = None
    period_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Sessions:
    """How conversations stay where they are.

    are_kept: False decides each turn anew. comes_down_after: so many low scores in a row bring one back from the remote
    side. most: that are remembered.
    """

    are_kept: bool = True
    comes_down_after: int = 3
    most: int = 10_000


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """One router: a model whose requests two others answer.

    name: what it is asked for by. local, remote, judge: names of models; without a judge nobody is asked for an
    opinion. scorer: a kind, or the name of an entry point; None: the cascade with a judge, else linear. threshold: the
    probability from which on requests go remote. remote_share: the share that shall go there, in place of a threshold
    that stays. band: within which the cascade asks the judge; None: as measured. weights: of the scorer ``fitted``.
    judge_timeout_s: how long is waited for the judge. has_own_judge: it runs in a process of its own, where this server
    runs it, so that it takes no cache from who chats with the same model. rules: the first that fits counts.
    local_upstream: of the servers elsewhere, the only one that the local model is asked of.
    lacks: abilities that a side shall be taken not to have. looks_twice: the local answer is looked at before
    anything is sent. shadow: this side answers whatever is decided. asks_both: the share of requests that both sides
    answer, to be learned from. starts_ahead: the local side begins while the judge thinks; None: where they do not run
    on one processor. keeps_log: decisions are written down; keeps_prompts: with the prompts themselves.
    """

    local: str
    remote: str
    judge: str | None = None
    name: str = DEFAULT_NAME
    scorer: str | None = None
    threshold: float | None = None
    remote_share: float | None = None
    band: tuple[float, float] | None = None
    weights: Path | None = None
    judge_timeout_s: float = 2.0
    has_own_judge: bool = True
    rules: tuple[Rule, ...] = ()
    lacks: Mapping[Side, tuple[str, ...]] = field(default_factory=dict, hash=False)
    limits: Mapping[Side, Limits] = field(default_factory=dict, hash=False)
    sessions: Sessions = Sessions()
    prices: Prices = Prices()
    looks_twice: bool = False
    shadow: Side | None = None
    asks_both: float = 0.0
    starts_ahead: bool | None = None
    keeps_log: bool = True
    keeps_prompts: bool = False
    local_upstream: str | None = None

    def model(self, side: Side) -> str:
        """The name of a side's model."""
        return self.local if side == "local" else self.remote

    @property
    def scorer_kind(self) -> str:
        """The kind of the scorer, or the name of an entry point, also where nothing is said of it."""
        return self.scorer or ("cascade" if self.judge is not None else "linear")
