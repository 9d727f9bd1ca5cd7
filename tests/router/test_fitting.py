"""Fitting a scorer to labels."""

import subprocess
import sys

import pytest

from arriero.errors import ConfigError
from arriero.router.fitted import FittedScorer
from arriero.router.fitting import fit, fit_in, fit_model
from arriero.router.terms import CUE_NAMES
from tests.router.factories_fitting import EASY, HARD, labels, viewer


def fitted(prompts: list[str], gains: list[float]) -> FittedScorer:
    return FittedScorer(fit_model(prompts, gains, prior=viewer()), viewer())


def test_it_learns_which_prompts_are_worth_it() -> None:
    scorer = fitted(*labels(200))

    assert scorer.probability(" ".join(HARD[:3])) > scorer.probability(" ".join(EASY[:3])) + 0.3


def test_a_word_without_a_label_is_known_by_its_neighbours() -> None:
    prompts, gains = labels(200)
    kept = [at for at, prompt in enumerate(prompts) if "tensor" not in prompt and "cake" not in prompt]
    scorer = fitted([prompts[at] for at in kept], [gains[at] for at in kept])

    assert scorer.probability("tensor") > scorer.probability("cake") + 0.2


def test_each_prompt_is_scored_by_itself() -> None:
    score = fit_in(viewer(), *labels(100))
    asked = ["integral cake", "music", "proof of a theorem"]

    assert score(asked) == [score([text])[0] for text in asked]


def test_the_same_labels_give_the_same_model() -> None:
    assert fit_model(*labels(100), prior=viewer()) == fit_model(*labels(100), prior=viewer())


def test_probabilities_are_near_to_what_happens() -> None:
    model = fit_model(*labels(400), prior=viewer())
    scorer = FittedScorer(model, viewer())
    prompts, gains = labels(400, seed=1)
    likely = [(scorer.probability(prompt), gain) for prompt, gain in zip(prompts, gains, strict=True)]

    for hard in (True, False):
        some = [pair for pair in likely if (pair[0] > 0.45) == hard]
        assert sum(p for p, _ in some) / len(some) == pytest.approx(sum(g for _, g in some) / len(some), abs=0.08)


def test_few_labels_keep_to_what_was_thought_before() -> None:
    leaning = viewer(lambda text: 0.9 if "garden" in text else 0.5)
    prompts, _ = labels(40)
    garden = ["garden" in prompt for prompt in prompts]
    score = fit_in(leaning, prompts, [float(is_garden) for is_garden in garden])

    with_garden, without = score(["garden", "music"])
    assert with_garden > without


def test_many_labels_overrule_what_was_thought_before() -> None:
    leaning = viewer(lambda text: 0.9 if text in {"cake", "unheard"} else 0.1)
    score = fit_in(leaning, *labels(400))

    hard, easy = score(["integral", "cake"])
    assert hard > easy


def test_labels_that_say_nothing_still_give_an_order() -> None:
    prompts, _ = labels(60)
    model = fit_model(prompts, [float(at % 3 == 0) for at in range(60)], prior=viewer())

    assert model.slope > 0


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(ConfigError, match="5 labels are too few"):
        fit_model(*labels(5), prior=viewer())


def test_labels_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(ConfigError, match="all labels are the same"):
        fit_model(["cake"] * 60, [1.0] * 60, prior=viewer())


def test_prompts_and_gains_come_in_pairs() -> None:
    with pytest.raises(ConfigError, match="3 prompts and 2 gains"):
        fit_model(["a", "b", "c"], [1.0, 0.0], prior=viewer())


def test_the_shipped_space_is_used_unless_told_otherwise() -> None:
    prompts, gains = labels(60)

    assert fit_model(prompts, gains).space == "public"
    assert len(fit_model(prompts, gains).cues) == len(CUE_NAMES)
    assert len(fit(prompts, gains)(["What is a tensor?", "Hello"])) == 2


def test_scoring_needs_nothing_that_is_heavy() -> None:
    code = (
        "import sys, arriero.router.fitted, arriero.router.fitting, arriero.router.stack\n"
        "arriero.router.term_space.shipped().look('What is a tensor?')\n"
        "assert not {'numpy', 'scipy', 'sklearn'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_fitting_without_scikit_learn_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from arriero.router.fitting import fit_model\n"
        "try: fit_model(['a'] * 60, [0.0, 1.0] * 30)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True).stdout
    assert told.startswith("ConfigError")
    assert "pip install 'arriero[fit]'" in told
