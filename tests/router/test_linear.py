from itertools import pairwise

import pytest

from arriero.router.features import FEATURE_NAMES
from arriero.router.follow_ups import leans_back
from arriero.router.linear import LinearModel, LinearScorer, LinearWeights, score_prompt, shipped_model
from arriero.router.subject import Subject
from arriero.types.chat import Message

_HARD = "Prove that for every prime p greater than 3, p^2 - 1 is divisible by 24, and explain each step of the proof."
_EASY = "Hello!"
# None of these is of a set that the weights have been learned from.
_RISING = [
    "Hello!",
    "What is the capital of France?",
    "Write a Python function that merges overlapping intervals and explain its complexity.",
    "Prove that there are infinitely many primes congruent to 3 modulo 4.",
]


def _conversation(*turns: str) -> Subject:
    return Subject(tuple(Message("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(turns)))


def _weights(**weights: float) -> LinearWeights:
    return LinearWeights(0.0, {name: weights.get(name, 0.0) for name in FEATURE_NAMES})


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "hi",
        "thanks, that was great",
        "What is the capital of France?",
        "set an alarm for 7 am",
        "Tell me a joke",
        "你好",
        "Why is the sky blue?",
        "what's the weather like tomorrow",
        "",
    ],
)
def test_small_talk_and_look_ups_stay_local(text: str) -> None:
    assert score_prompt(text) < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "Prove that sqrt(2) is irrational.",
        "Prove that the square root of 2 is irrational.",
        "Let $f(x) = \\frac{x^2-1}{x+2}$. Find the sum of all integers $n$ such that $f(n)$ is an integer.",
        "Implement a thread-safe LRU cache in C++ with O(1) operations. It must support expiry.",
        "请证明根号2是无理数,并解释每一步的理由。",
        _HARD,
    ],
)
def test_proofs_and_programs_go_remote(text: str) -> None:
    assert score_prompt(text) > 0.5


def test_harder_prompts_score_higher() -> None:
    assert all(score_prompt(low) < score_prompt(high) for low, high in pairwise(_RISING))


@pytest.mark.parametrize("text", ["", "\ud800", "😀" * 1000, "x" * 10_000_000, "\x00\n\n", "( " * 100_000])
def test_any_text_has_a_probability(text: str) -> None:
    assert 0.0 < score_prompt(text) < 1.0


def test_the_shipped_weights_name_every_feature_and_their_origin() -> None:
    shipped = shipped_model().weights
    assert set(shipped.weights) == set(FEATURE_NAMES)
    assert shipped.about
    assert all({"name", "prompts", "from"} <= source.keys() for source in shipped.sources)


def test_the_probability_is_the_curve_of_the_weighted_sum() -> None:
    model = LinearModel(_weights(is_tiny=60.0))
    assert model.probability("x" * 100) == 0.5
    assert model.probability("x" * 59) == pytest.approx(0.731, abs=1e-3)


async def test_the_scorer_says_whose_the_score_is_and_what_it_cost() -> None:
    scorer = LinearScorer()
    score = await scorer.score(_conversation(_HARD))
    assert (score.scorer, score.probability, score.verdict) == (scorer.name, scorer.probability(_HARD), "")
    assert score.took_ms > 0


async def test_weights_of_ones_own_are_used() -> None:
    score = await LinearScorer(_weights()).score(_conversation(_HARD))
    assert score.probability == 0.5


@pytest.mark.parametrize("turn", ["yes, do it", "and in Python?", "why?", "Make it shorter.", "ok"])
async def test_a_short_follow_up_takes_after_what_was_asked_before(turn: str) -> None:
    score = await LinearScorer().score(_conversation(_HARD, "Here it is.", turn))
    assert score_prompt(turn) < score.probability < score_prompt(_HARD)


@pytest.mark.parametrize("turn", ["thanks!", "Great, thank you", "What is the capital of France?", "Bye"])
async def test_thanks_and_full_questions_stand_alone(turn: str) -> None:
    score = await LinearScorer().score(_conversation(_HARD, "Here it is.", turn))
    assert score.probability == score_prompt(turn)


async def test_a_follow_up_of_something_easy_stays_easy() -> None:
    score = await LinearScorer().score(_conversation(_EASY, "Hello.", "and you?"))
    assert score.probability < 0.5


async def test_what_lies_further_back_counts_less() -> None:
    near = await LinearScorer().score(_conversation(_EASY, "", _HARD, "", "go on"))
    far = await LinearScorer().score(_conversation(_HARD, "", _EASY, "", "go on"))
    assert far.probability < near.probability


@pytest.mark.parametrize("subject", [Subject(()), _conversation(""), _conversation(_HARD, "Done.", "")])
async def test_a_request_without_text_scores_low(subject: Subject) -> None:
    score = await LinearScorer().score(subject)
    assert score.probability < 0.3


def test_a_long_turn_never_leans_back() -> None:
    assert leans_back("now do it again")
    assert not leans_back("now do it again " * 10)
