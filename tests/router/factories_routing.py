"""Routers in miniature: requests as routers see them, sides that are well, and scorers that say what they are told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from arriero.router.health import SideState, States
from arriero.router.router import Plan, Router
from arriero.router.rules import ABILITIES, SideFacts
from arriero.router.scoring import ScorerFailed
from arriero.router.settings import RouterSettings
from arriero.router.subject import Subject
from arriero.types.chat import Message
from arriero.types.routing import NO_WISH, Score, Side, Wish
from arriero.types.usage import Usage

LOCAL, REMOTE = "small", "big"
ABLE = SideFacts(frozenset(ABILITIES), 4096)
WELL: States = {"local": SideState(ABLE), "remote": SideState(ABLE)}
USAGE = Usage(prompt_tokens=10, completion_tokens=20)


# The caller names fields of RouterSettings.
def settings(**changes: Any) -> RouterSettings:
    """A router of two models, nothing of which is written down."""
    return replace(RouterSettings(LOCAL, REMOTE, keeps_log=False), **changes)


# The caller names fields of Subject.
def subject(*texts: str, **facts: Any) -> Subject:
    """A conversation: turns of the user's and the model's."""
    return Subject(turns(*texts), **facts)


def turns(*texts: str) -> tuple[Message, ...]:
    """Turns of the user's and the model's."""
    return tuple(Message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts))


def sides(*, local: SideState | None = None, remote: SideState | None = None) -> States:
    """Both sides: well, but for what is said."""
    return {"local": local or WELL["local"], "remote": remote or WELL["remote"]}


def lacking(*abilities: str) -> SideState:
    """A side that cannot do these things."""
    return SideState(SideFacts(frozenset(ABILITIES) - set(abilities), 4096))


def by_word(text: str) -> float:
    """High for what says that it is hard."""
    return 0.9 if "hard" in text else 0.1


@dataclass(slots=True)
class ScriptedScorer:
    """Scores by a function of what is asked. error: is raised instead. verdict: what a judge is taken to have said.

    asked: what it was asked for, in order. gate: every score waits until it is set.
    """

    says: Callable[[str], float] = by_word
    name: str = "scripted"
    verdict: str = ""
    error: ScorerFailed | None = None
    gate: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)

    async def score(self, subject: Subject) -> Score:
        self.asked.append(subject.text)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Score(self.says(subject.text), self.name, verdict=self.verdict)


@dataclass(slots=True)
class Clock:
    """Seconds that pass only when they are told to."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def decided(
    router: Router, *texts: str, wish: Wish = NO_WISH, states: States = WELL, answer: str = "", **facts: Any
) -> Plan:
    """Who answers a conversation. answer: what is answered then, if anything."""
    plan = await router.decide(subject(*texts, **facts), wish, states)
    if answer:
        router.answered(plan, answer, USAGE)
    return plan


async def side_for(router: Router, *texts: str, answer: str = "", wish: Wish = NO_WISH, **facts: Any) -> Side:
    """The side that answers a conversation."""
    return (await decided(router, *texts, answer=answer, wish=wish, **facts)).decision.side
