"""The stages that decide without a score, in the order in which they are asked. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from arriero.router.health import States, by_health
from arriero.router.rules import Verdict, by_ability, by_context, by_force, by_user_rule
from arriero.router.session import Latch, by_private_turn, by_tool_loop
from arriero.router.settings import RouterSettings
from arriero.router.subject import Subject
from arriero.types.routing import Wish


@dataclass(frozen=True, slots=True)
class Stage:
    """One of them. ask: its verdict, None where it has nothing to say; raises InvalidRequest where neither side can."""

    name: str
    ask: Callable[[], Verdict | None]


def stages_before_score(
    settings: RouterSettings, subject: Subject, wish: Wish, states: States, latch: Latch | None
) -> list[Stage]:
    """All of them. What must stay on the local side does, whatever else the request says: that is asked first."""
    facts = {side: state.facts for side, state in states.items()}
    forced, rule = by_force(wish), by_user_rule(settings.rules, subject, wish)
    private, open_rule = (rule, None) if rule and rule.is_private else (None, rule)
    first = [Stage("force", lambda: forced), Stage("private rules", lambda: private)]
    if private and not (forced and forced.is_private):
        first.reverse()
    return [
        *first,
        Stage("private turns", lambda: by_private_turn(latch)),
        Stage("abilities", lambda: by_ability(subject, facts)),
        Stage("context", lambda: by_context(subject, facts)),
        Stage("rules", lambda: open_rule),
        Stage("health", lambda: by_health(states)),
        Stage("tool loop", lambda: by_tool_loop(latch, subject)),
    ]
