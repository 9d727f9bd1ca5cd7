import random

import pytest

from arriero.errors import InvalidRequest
from arriero.router.explanation import Explanation, StageTold
from arriero.router.health import SideState
from arriero.router.router import Router
from arriero.router.rules import Rule
from arriero.router.settings import Prices
from arriero.types.routing import NO_WISH, Reason, Wish
from tests.router.factories_routing import (
    ABLE,
    WELL,
    Clock,
    ScriptedScorer,
    decided,
    lacking,
    settings,
    sides,
    subject,
)

RULES = (
    Rule("money", "private", keywords=("salary",)),
    Rule("code", "remote", keywords=("python",)),
)


def stage(told: Explanation, name: str) -> StageTold:
    (found,) = [each for each in told.stages if each.stage == name]
    return found


def heard(told: Explanation) -> list[str]:
    return [each.stage for each in told.stages if each.decides]


async def test_what_is_explained_is_what_would_be_decided() -> None:
    draw = random.Random(5)
    texts = ("hard", "easy", "my salary", "python", "easy python salary")
    states = (
        WELL,
        sides(local=lacking("tools")),
        sides(remote=SideState(ABLE, "down")),
        sides(local=SideState(ABLE, is_full=True)),
    )
    for _ in range(300):
        router = Router(
            settings(
                rules=draw.choice([(), RULES]),
                remote_share=draw.choice([None, 0.3]),
                shadow=draw.choice([None, None, "local", "remote"]),
                prices=draw.choice([Prices(), Prices(1e6, 1e6, budget=400.0)]),
            ),
            ScriptedScorer(),
            Clock(),
        )
        for _ in range(draw.randrange(3)):
            await decided(router, draw.choice(texts), answer="well")
        asked = subject(
            *[draw.choice(texts), "well", draw.choice(texts)][: draw.choice([1, 3])], has_tools=draw.random() < 0.2
        )
        wish = draw.choice([NO_WISH, NO_WISH, Wish("local"), Wish("remote")])
        state = draw.choice(states)

        told = await router.explain(asked, wish, state)
        again = await router.explain(asked, wish, state)
        plan = await router.decide(asked, wish, state)

        assert again.decision == told.decision
        for name in ("side", "model", "reason", "detail", "threshold", "chosen"):
            assert getattr(told.decision, name) == getattr(plan.decision, name), name
        assert told.is_private == plan.is_private
        assert len(heard(told)) == 1


async def test_nobody_scores_what_is_decided_before() -> None:
    scorer = ScriptedScorer()

    told = await Router(settings(), scorer).explain(subject("hard"), Wish("local"), WELL)

    assert scorer.asked == []
    assert heard(told) == ["force"]
    assert stage(told, "score").said == "not asked"


async def test_a_private_rule_is_heard_before_a_force_and_what_else_there_is_is_told_too() -> None:
    told = await Router(settings(rules=RULES), ScriptedScorer()).explain(
        subject("salary"), Wish("remote"), sides(remote=SideState(ABLE, "no route to host"))
    )

    assert heard(told) == ["private rules"]
    assert stage(told, "private rules").said == "money; nobody else may be asked"
    assert stage(told, "force").side == "remote"
    assert "no route to host" in stage(told, "health").said


async def test_a_conversation_that_stays_is_told() -> None:
    router = Router(settings(), ScriptedScorer())
    await decided(router, "hard", answer="well")

    told = await router.explain(subject("hard", "well", "easy"), NO_WISH, WELL)

    assert heard(told) == ["session"]
    assert stage(told, "session").said == "the conversation stays where it is (low scores in a row: 1)"
    assert told.decision.reason is Reason.SESSION


async def test_a_spent_budget_is_told() -> None:
    router = Router(settings(prices=Prices(1e6, 1e6, budget=1.0)), ScriptedScorer(), Clock())

    told = await router.explain(subject("hard"), NO_WISH, WELL)

    assert heard(told) == ["cost"]
    assert stage(told, "threshold").side == "remote"
    assert stage(told, "cost").side == "local"


async def test_a_share_that_would_not_be_held_is_told() -> None:
    router = Router(settings(remote_share=0.0), ScriptedScorer())

    told = await router.explain(subject("hard"), NO_WISH, WELL)

    assert told.decision.side == "local"
    assert "0 % shall go remote" in stage(told, "threshold").said


async def test_what_neither_side_can_do_is_refused_unless_a_side_is_forced() -> None:
    router, neither = Router(settings(), ScriptedScorer()), sides(local=lacking("vision"), remote=lacking("vision"))
    asked = subject("look", has_images=True)

    with pytest.raises(InvalidRequest, match="neither side"):
        await router.explain(asked, NO_WISH, neither)
    told = await router.explain(asked, Wish("remote"), neither)
    assert "neither side" in stage(told, "abilities").said
