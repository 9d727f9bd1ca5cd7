"""What decides without a score: what only one side can do, and what the user has said. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from arriero.errors import InvalidRequest
from arriero.router.subject import Subject
from arriero.types.routing import SIDES, Reason, Side, Wish, other

# What a request may need of a model, and what the decision is then called.
_NEEDS = {
    "vision": Reason.IMAGES,
    "tools": Reason.TOOLS,
    "thinking": Reason.THINKING,
    "schema": Reason.SCHEMA,
    "insert": Reason.INSERT,
}
ABILITIES = tuple(_NEEDS)
# Of the answer, where the request does not say how long it may be.
_USUAL_ANSWER_TOKENS = 256

# "private": the request must never leave the local side.
RuleRoute = Literal["local", "remote", "private"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the user's: where all that it says is true of a request, that goes where the rule wants it.

    keywords: one of them is in the text, as whole words, in any case. pattern: is found in it. min_chars, max_chars:
    the text's length. keys: the request came with one of these API keys. metadata: it has all of these values,
    under these names in any case: those of headers have none.
    The text is what is asked; of a private rule, all of the conversation.
    """

    name: str
    route: RuleRoute
    keywords: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    has_images: bool | None = None
    has_tools: bool | None = None
    keys: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def fits(self, subject: Subject, wish: Wish) -> bool:
        """Whether all of it is true."""
        text = subject.whole_text if self.route == "private" else subject.text
        return (
            (not self.keywords or _has_word(text, self.keywords))
            and (self.pattern is None or self.pattern.search(text) is not None)
            and (self.min_chars is None or len(text) >= self.min_chars)
            and (self.max_chars is None or len(text) <= self.max_chars)
            and (self.has_images is None or subject.has_images == self.has_images)
            and (self.has_tools is None or subject.has_tools == self.has_tools)
            and (not self.keys or any(key in self.keys for key in wish.keys))
            and (not self.metadata or _lowered(self.metadata).items() <= _lowered(wish.metadata).items())
        )


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What a side can do. abilities: of ``ABILITIES``; context: tokens, None where nobody knows."""

    abilities: frozenset[str] = frozenset()
    context: int | None = None


Facts = Mapping[Side, SideFacts]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a stage has decided. is_private: nobody else may be asked, whatever happens."""

    side: Side
    reason: Reason
    detail: str = ""
    is_private: bool = False


def by_force(wish: Wish) -> Verdict | None:
    """What the request says itself."""
    if wish.force is None:
        return None
    return Verdict(wish.force, Reason.FORCED, is_private=wish.force == "local")


def by_user_rule(rules: tuple[Rule, ...], subject: Subject, wish: Wish) -> Verdict | None:
    """What the user's rules say: one that makes a request private comes before all others."""
    fitting = [rule for rule in rules if rule.fits(subject, wish)]
    if private := next((rule for rule in fitting if rule.route == "private"), None):
        return Verdict("local", Reason.PRIVATE_RULE, private.name, is_private=True)
    for rule in fitting:
        return Verdict("remote" if rule.route == "remote" else "local", Reason.USER_RULE, rule.name)
    return None


def is_private(rules: tuple[Rule, ...], subject: Subject, wish: Wish) -> bool:
    """Whether a request may go to nobody but the local model."""
    return wish.force == "local" or any(rule.route == "private" and rule.fits(subject, wish) for rule in rules)


def by_ability(subject: Subject, facts: Facts) -> Verdict | None:
    """The only side that can do what is asked. Raises InvalidRequest where neither can."""
    needs = _needs(subject)
    able: list[Side] = [side for side in SIDES if not _missing(needs, facts[side])]
    if len(able) == len(SIDES):
        return None
    if not able:
        missing = {side: ", ".join(_missing(needs, facts[side])) for side in SIDES}
        raise InvalidRequest(
            f"neither side can answer this request: the local model lacks {missing['local']}, "
            f"the remote one {missing['remote']}"
        )
    lacked = _missing(needs, facts[other(able[0])])[0]
    return Verdict(able[0], _NEEDS[lacked], f"the {other(able[0])} model lacks {lacked}")


def by_context(subject: Subject, facts: Facts) -> Verdict | None:
    """The only side whose context is long enough; where neither is, the longer one."""
    wanted = subject.prompt_tokens + (subject.wanted_tokens or _USUAL_ANSWER_TOKENS)
    contexts = {side: facts[side].context or 1 << 62 for side in SIDES}
    if min(contexts.values()) >= wanted or contexts["local"] == contexts["remote"]:
        return None
    side: Side = "local" if contexts["local"] > contexts["remote"] else "remote"
    short = other(side)
    return Verdict(side, Reason.CONTEXT, f"about {wanted} tokens, and the {short} model has {contexts[short]}")


def can_answer(subject: Subject, facts: SideFacts) -> bool:
    """Whether a side has what the request needs."""
    return not _missing(_needs(subject), facts)


def _needs(subject: Subject) -> list[str]:
    wanted = {
        "vision": subject.has_images,
        "tools": subject.has_tools,
        "thinking": subject.wants_thinking,
        "schema": subject.has_schema,
        "insert": subject.is_gap,
    }
    return [need for need, is_wanted in wanted.items() if is_wanted]


def _missing(needs: list[str], facts: SideFacts) -> list[str]:
    return [need for need in needs if need not in facts.abilities]


def _lowered(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in metadata.items()}


def _has_word(text: str, words: tuple[str, ...]) -> bool:
    plain = _plain(text)
    return any(re.search(rf"(?<!\w){re.escape(_plain(word))}(?!\w)", plain) for word in words)


def _plain(text: str) -> str:
    """A text without what makes no other words of it: case, ways of writing the same letter, and white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
