"""The order of the stages, and what a router remembers between requests."""

import asyncio
from collections.abc import Sequence

import pytest

from arriero.errors import InvalidRequest
from arriero.router.health import SideState
from arriero.router.router import Router
from arriero.router.rules import Rule, SideFacts
from arriero.router.scoring import ScorerFailed
from arriero.router.settings import Prices, Sessions
from arriero.router.subject import Subject
from arriero.types.chat import Message, ToolCall
from arriero.types.routing import NO_WISH, Reason, Side, Wish
from arriero.types.usage import Usage
from tests.router.factories_routing import (
    ABLE,
    LOCAL,
    REMOTE,
    USAGE,
    WELL,
    Clock,
    ScriptedScorer,
    decided,
    lacking,
    settings,
    side_for,
    sides,
    subject,
)

OUT = SideState(ABLE, "connection refused")
PRIVATE = Rule("keep", "private", ("secret",))
CHEAP = Prices(price_in=0.0, price_out=1_000_000.0, budget=100.0, period_s=100.0)


async def test_the_score_decides_where_nothing_else_does() -> None:
    router = Router(settings(), ScriptedScorer())

    low, high = (await decided(router, "easy")).decision, (await decided(router, "hard")).decision
    assert (low.side, low.model, low.reason, low.threshold) == ("local", LOCAL, Reason.SCORE, 0.5)
    assert (high.side, high.model, high.reason) == ("remote", REMOTE, Reason.SCORE)
    assert low.score
    assert (low.score.probability, low.score.scorer) == (0.1, "scripted")


async def test_a_score_at_the_threshold_goes_remote() -> None:
    router = Router(settings(threshold=0.9), ScriptedScorer())
    assert await side_for(router, "hard") == "remote"

    router = Router(settings(threshold=0.91), ScriptedScorer())
    assert await side_for(router, "hard") == "local"


@pytest.mark.parametrize("threshold", [0.0, 1.0])
async def test_the_ends_of_the_threshold_are_all_and_hardly_any(threshold: float) -> None:
    router = Router(settings(threshold=threshold), ScriptedScorer())

    assert await side_for(router, "hard") == ("remote" if threshold == 0.0 else "local")


@pytest.mark.parametrize("force", ["local", "remote"])
async def test_who_is_forced_is_not_scored(force: Side) -> None:
    scorer = ScriptedScorer()
    plan = await decided(Router(settings(), scorer), "hard", wish=Wish(force))

    assert (plan.decision.side, plan.decision.reason, plan.decision.score) == (force, Reason.FORCED, None)
    assert plan.is_private == (force == "local")
    assert scorer.asked == []


async def test_a_private_rule_comes_before_a_force_to_the_remote_side_and_before_what_only_that_one_can() -> None:
    scorer = ScriptedScorer()
    router = Router(settings(rules=(PRIVATE,)), scorer)
    states = sides(local=lacking("vision"), remote=None)

    for wish in (Wish(), Wish("remote")):
        plan = await decided(router, "a secret", wish=wish, states=states, has_images=True)
        assert (plan.decision.side, plan.decision.reason, plan.is_private) == ("local", Reason.PRIVATE_RULE, True)
    assert scorer.asked == []


async def test_a_private_request_stays_while_the_local_side_is_out() -> None:
    router = Router(settings(rules=(PRIVATE,)), ScriptedScorer())

    for texts, wish in ((("a secret",), Wish()), (("hard",), Wish("local"))):
        plan = await decided(router, *texts, wish=wish, states=sides(local=OUT))
        assert (plan.decision.side, plan.is_private) == ("local", True)


async def test_a_conversation_that_was_private_once_stays_so() -> None:
    router = Router(settings(rules=(PRIVATE,)), ScriptedScorer())

    plan = await decided(router, "a secret", "I see.", "a hard question")
    assert (plan.decision.side, plan.is_private) == ("local", True)


async def test_each_stage_is_heard_before_those_behind_it() -> None:
    rule = Rule("mine", "local", ("hard",))
    short = SideState(SideFacts(ABLE.abilities, 1000))
    blind = SideState(SideFacts(lacking("vision").facts.abilities, 1000), is_full=True)

    def router(*rules: Rule) -> Router:
        return Router(settings(rules=rules), ScriptedScorer())

    reasons = [
        (
            await decided(router(rule), "hard", has_images=True, states=sides(local=blind), prompt_tokens=2000)
        ).decision.reason,
        (await decided(router(rule), "hard", states=sides(local=short), prompt_tokens=2000)).decision.reason,
        (await decided(router(rule), "hard", states=sides(local=OUT))).decision.reason,
        (await decided(router(), "hard", states=sides(local=OUT))).decision.reason,
        (await decided(router(), "hard")).decision.reason,
    ]
    assert reasons == [Reason.IMAGES, Reason.CONTEXT, Reason.USER_RULE, Reason.UNHEALTHY, Reason.SCORE]


async def test_what_neither_side_can_do_is_a_wrong_request() -> None:
    router = Router(settings(), ScriptedScorer())
    states = sides(local=lacking("tools"), remote=lacking("tools"))

    with pytest.raises(InvalidRequest, match="neither side"):
        await decided(router, "x", has_tools=True, states=states)


async def test_a_scorer_that_fails_is_no_decision() -> None:
    router = Router(settings(), ScriptedScorer(error=ScorerFailed("out of words")))

    with pytest.raises(ScorerFailed):
        await decided(router, "x")


async def test_a_conversation_goes_up_at_once_and_comes_down_after_several_low_scores() -> None:
    router = Router(settings(), ScriptedScorer())
    said: list[str] = []
    reasons = []
    for text in ("easy 1", "hard 2", "easy 3", "easy 4", "easy 5", "easy 6"):
        said.append(text)
        plan = await decided(router, *said, answer=f"answer to {text}")
        said.append(f"answer to {text}")
        reasons.append((plan.decision.side, plan.decision.reason))

    assert reasons == [
        ("local", Reason.SCORE),
        ("remote", Reason.SCORE),
        ("remote", Reason.SESSION),
        ("remote", Reason.SESSION),
        ("local", Reason.SESSION),
        ("local", Reason.SCORE),
    ]


async def test_each_turn_is_decided_anew_where_the_user_says_so() -> None:
    router = Router(settings(sessions=Sessions(are_kept=False)), ScriptedScorer())

    assert await side_for(router, "hard", answer="yes") == "remote"
    assert await side_for(router, "hard", "yes", "easy") == "local"


async def test_a_session_that_has_a_name_is_kept_whatever_its_turns_are() -> None:
    router = Router(settings(), ScriptedScorer())
    wish = Wish(session="mine")

    assert await side_for(router, "hard", wish=wish) == "remote"
    assert await side_for(router, "easy", wish=wish) == "remote"
    assert await side_for(router, "easy") == "local"


async def test_200_conversations_at_once_keep_their_side() -> None:
    router = Router(settings(), ScriptedScorer(says=lambda text: 0.9 if "hard" in text else 0.1))

    async def converse(number: int) -> Sequence[Side]:
        said = [f"{'hard' if number % 2 else 'easy'} {number}"]
        seen = []
        for turn in range(3):
            seen.append(await side_for(router, *said, answer=f"answer {turn} to {number}"))
            said += [f"answer {turn} to {number}", "and?"]
            await asyncio.sleep(0)
        return seen

    found = await asyncio.gather(*(converse(number) for number in range(200)))
    assert [set(each) for each in found] == [{"remote" if number % 2 else "local"} for number in range(200)]


async def test_conversations_that_begin_with_the_same_words_keep_their_side() -> None:
    """Held shares send the same words to both sides."""
    router = Router(settings(remote_share=0.5), ScriptedScorer(says=lambda text: 0.5 if text == "hello" else 0.0))
    first = [await side_for(router, "hello", answer=f"answer {number}") for number in range(200)]
    then = [(await decided(router, "hello", f"answer {number}", "and?")).decision for number in range(200)]

    assert set(first) == {"local", "remote"}
    kept = [each.side for each, before in zip(then, first, strict=True) if before == "remote"]
    assert set(kept) == {"remote"}


async def test_a_tool_loop_stays_with_who_has_called_the_tool() -> None:
    router = Router(settings(remote_share=0.5, sessions=Sessions(comes_down_after=1)), ScriptedScorer(lambda _: 0.5))
    asked = [Message("user", "look")]
    first = {}
    for number in range(100):
        call = ToolCall("look", {"number": number})
        plan = await router.decide(subject("look", has_tools=True), Wish(), sides())
        router.answered(plan, "", USAGE, calls=[call])
        first[number] = plan.decision.side

    assert set(first.values()) == {"local", "remote"}
    for number, side in first.items():
        call = ToolCall("look", {"number": number}, f"call_{number}")
        loop = (*asked, Message("assistant", "", tool_calls=(call,)), Message("tool", "found"))
        plan = await router.decide(subject_of_turns(*loop), Wish(), sides())
        assert (plan.decision.side, plan.decision.reason) == (side, Reason.TOOL_LOOP)


def subject_of_turns(*turns: Message) -> Subject:
    return Subject(turns, has_tools=True)


async def test_the_side_of_a_tool_loop_that_is_out_is_not_asked() -> None:
    router = Router(settings(), ScriptedScorer())
    assert await side_for(router, "hard", answer="calls") == "remote"

    loop = Subject((*subject("hard", "calls").turns, Message("tool", "found")))
    plan = await router.decide(loop, Wish(), sides(remote=OUT))
    assert (plan.decision.side, plan.decision.reason) == ("local", Reason.UNHEALTHY)
    plan = await router.decide(loop, Wish(), sides())
    assert (plan.decision.side, plan.decision.reason) == ("remote", Reason.TOOL_LOOP)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
async def test_a_share_is_held_whatever_the_scores_are(share: float) -> None:
    router = Router(settings(remote_share=share), ScriptedScorer(says=lambda _: 0.99))
    found = [await side_for(router, f"question {number}") for number in range(400)]

    assert abs(found[200:].count("remote") / 200 - share) <= 0.03


async def test_a_forced_share_says_so() -> None:
    router = Router(settings(remote_share=0.0), ScriptedScorer())

    plan = await decided(router, "hard")
    assert plan.decision.side == "local"
    assert plan.decision.reason in {Reason.SHARE, Reason.SCORE}


async def test_what_nobody_scores_is_in_no_share() -> None:
    router = Router(settings(remote_share=0.3), ScriptedScorer(says=lambda _: 0.99))
    for number in range(300):
        await side_for(router, f"forced {number}", wish=Wish("remote"))

    found = [await side_for(router, f"question {number}") for number in range(200)]
    assert abs(found.count("remote") / 200 - 0.3) <= 0.03


async def spend(router: Router) -> None:
    """A remote answer of 100 tokens, which cost all that there is."""
    plan = await decided(router, "hard", wanted_tokens=100)
    assert plan.decision.side == "remote"
    paid = router.pay(subject("hard", wanted_tokens=100))
    router.answered(plan, "an answer", Usage(completion_tokens=100), paid)


async def test_what_may_be_spent_is_a_cap_and_fills_up_with_time() -> None:
    clock = Clock()
    router = Router(settings(prices=CHEAP), ScriptedScorer(), clock)
    await spend(router)

    plan = await decided(router, "hard", wanted_tokens=50)
    assert (plan.decision.side, plan.decision.reason) == ("local", Reason.COST)
    assert "budget" in plan.decision.detail
    clock.now_s += 49
    assert await side_for(router, "hard", wanted_tokens=50) == "local"
    clock.now_s += 2
    assert await side_for(router, "hard", wanted_tokens=50) == "remote"


@pytest.mark.parametrize("full", [OUT, SideState(ABLE, is_full=True)])
async def test_the_cap_holds_while_the_local_side_is_out_or_full(full: SideState) -> None:
    router = Router(settings(prices=CHEAP), ScriptedScorer(), Clock())
    await spend(router)

    plan = await decided(router, "hard", wanted_tokens=50, states=sides(local=full))
    assert (plan.decision.side, plan.decision.reason) == ("local", Reason.COST)


async def test_the_cap_keeps_a_conversation_down() -> None:
    router = Router(settings(prices=CHEAP), ScriptedScorer(), Clock())
    assert await side_for(router, "hard", answer="well", wanted_tokens=50) == "remote"
    for _ in range(5):
        router.pay(subject("hard", wanted_tokens=100))

    plan = await decided(router, "hard", "well", "easy", wanted_tokens=50)
    assert (plan.decision.side, plan.decision.reason) == ("local", Reason.COST)


async def test_what_was_taken_for_an_answer_that_never_began_is_put_back() -> None:
    router = Router(settings(prices=CHEAP), ScriptedScorer(), Clock())
    asked = subject("hard", wanted_tokens=100)
    paid = router.pay(asked)
    assert not router.may_spend(asked)

    router.refund(paid)
    assert router.may_spend(asked)


async def test_an_answer_costs_what_it_has_cost() -> None:
    router = Router(settings(prices=CHEAP), ScriptedScorer(), Clock())
    plan = await decided(router, "hard", wanted_tokens=100)
    paid = router.pay(subject("hard", wanted_tokens=100))
    router.answered(plan, "short", Usage(completion_tokens=10), paid)

    assert router.may_spend(subject("hard", wanted_tokens=10))


async def test_what_a_server_does_not_tell_the_price_of_costs_what_it_was_taken_to() -> None:
    router = Router(settings(prices=CHEAP), ScriptedScorer(), Clock())
    plan = await decided(router, "hard", wanted_tokens=100)
    router.answered(plan, "an answer", Usage(), router.pay(subject("hard", wanted_tokens=100)))

    assert not router.may_spend(subject("hard", wanted_tokens=50))


async def test_without_prices_nothing_is_capped() -> None:
    router = Router(settings(), ScriptedScorer())
    assert router.pay(subject("hard")) == 0.0
    router.refund(5.0)

    assert router.may_spend(subject("hard", prompt_tokens=10**9))


@pytest.mark.parametrize("shadow", ["local", "remote"])
async def test_in_shadow_one_side_answers_and_the_other_is_told_as_chosen(shadow: Side) -> None:
    router = Router(settings(shadow=shadow), ScriptedScorer())

    for text, chosen in (("easy", "local"), ("hard", "remote")):
        decision = (await decided(router, text)).decision
        assert (decision.side, decision.reason) == (shadow, Reason.SCORE)
        assert decision.model == (LOCAL if shadow == "local" else REMOTE)
        assert decision.chosen == (None if chosen == shadow else chosen)


async def test_even_in_shadow_what_is_private_stays_and_what_only_one_side_can_goes_there() -> None:
    router = Router(settings(shadow="remote", rules=(PRIVATE,)), ScriptedScorer())

    assert await side_for(router, "a secret") == "local"
    assert await side_for(router, "hard", wish=Wish("local")) == "local"
    plan = await decided(router, "hard", states=sides(remote=lacking("vision")), has_images=True)
    assert (plan.decision.side, plan.decision.chosen) == ("local", None)


async def test_a_private_conversation_is_known_again_where_others_are_not() -> None:
    router = Router(settings(sessions=Sessions(are_kept=False)), ScriptedScorer())
    await decided(router, "my salary is", wish=Wish("local"), answer="a lot")
    await decided(router, "hard", answer="well")

    assert await side_for(router, "my salary is", "a lot", "a hard question") == "local"
    assert await side_for(router, "hard", "well", "easy") == "local"
    assert await side_for(router, "hard", "well", "hard") == "remote"


async def test_even_in_shadow_the_later_turns_of_a_private_conversation_stay() -> None:
    router = Router(settings(shadow="remote"), ScriptedScorer())
    await decided(router, "my salary is", wish=Wish("local"), answer="a lot")

    later = await decided(router, "my salary is", "a lot", "easy")
    assert (later.decision.side, later.decision.chosen, later.is_private) == ("local", None, True)


async def test_the_answer_of_a_tool_goes_to_who_has_called_it_though_somebody_else_was_chosen() -> None:
    router = Router(settings(), ScriptedScorer())
    plan = (await decided(router, "easy")).failed_over(REMOTE, "empty", Reason.SECOND_LOOK)
    call = ToolCall("look", {"at": "x"})
    router.answered(plan, "", USAGE, calls=(call,))

    loop = (Message("user", "easy"), Message("assistant", "", tool_calls=(call,)), Message("tool", "seen"))
    found = await router.decide(Subject(loop), NO_WISH, WELL)
    assert (found.decision.side, found.decision.reason) == ("remote", Reason.TOOL_LOOP)


async def test_a_plan_that_failed_over_says_who_should_have_answered_and_why_not() -> None:
    plan = await decided(Router(settings(), ScriptedScorer()), "hard")
    after = plan.failed_over(LOCAL, "connection refused")

    assert (after.decision.side, after.decision.model, after.decision.chosen) == ("local", LOCAL, "remote")
    assert (after.decision.reason, after.decision.detail) == (Reason.FAILOVER, "connection refused")
    assert after.decision.score == plan.decision.score
    assert after.latch == plan.latch


async def test_a_later_turn_of_a_private_conversation_is_private_though_it_does_not_say_so() -> None:
    scorer = ScriptedScorer()
    router = Router(settings(), scorer)
    await decided(router, "my salary is", wish=Wish("local"), answer="a lot")

    later = await decided(router, "my salary is", "a lot", "a hard question")
    forced = await decided(router, "my salary is", "a lot", "a hard question", wish=Wish("remote"))
    assert (later.decision.side, later.decision.reason, later.is_private) == ("local", Reason.SESSION, True)
    assert forced.decision.side == "remote"
    assert scorer.asked == []
