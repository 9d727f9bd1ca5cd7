import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.router.choices import without_choices
from arriero.router.features import FEATURE_NAMES, HEAD_CHARS, features_of
from arriero.router.lexicon import forms_of

_QUESTION = "What is the capital of Peru?"


def _features(text: str) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, features_of(text), strict=True))


def test_every_feature_has_a_name_of_its_own() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) == len(features_of(_QUESTION))


def test_no_text_has_no_features() -> None:
    assert features_of("") == [0.0] * len(FEATURE_NAMES)


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_has_features_that_are_small(text: str) -> None:
    assert all(0.0 <= value <= 5.0 for value in features_of(text))


@pytest.mark.parametrize(
    "text",
    [
        "\ud800",
        "😀" * 5000,
        "x" * 10_000_000,
        "( " * 100_000,
        "\n" * 100_000,
        " " * 100_000,
        "$" * 100_000,
        "a_" * 100_000,
        "\nA. " * 100_000,
        "def " * 100_000,
        "; " * 100_000,
        "\x00",
        "\n- " * 100_000,
    ],
    ids=lambda text: repr(text[:4]),
)
def test_odd_and_huge_texts_have_features(text: str) -> None:
    assert len(features_of(text)) == len(FEATURE_NAMES)


def test_a_long_text_is_looked_at_at_its_ends() -> None:
    filler = "The mule walks on. " * 1000
    assert _features(filler + "Prove that there is no largest prime.")["prove"] > 0
    assert _features("word " * HEAD_CHARS + "Prove it. " + filler)["prove"] == 0


@pytest.mark.parametrize(
    ("feature", "text", "other"),
    [
        ("log_bytes", _QUESTION * 3, _QUESTION),
        ("is_tiny", "Hello!", _QUESTION),
        ("prove", "Prove that it converges.", "Tell me a joke."),
        ("maths", "the integrals of polynomials", "the stories of mules"),
        ("code", "for i in range(3):\n    print(i)", "for three mules in a range"),
        ("latex", r"\frac{1}{x^2}", "snake_case_name"),
        ("look_up", _QUESTION, "Prove it."),
        ("greeting", "hello there", "integrate this"),
        ("foreign_words", "Erkläre mir bitte das Wahlsystem und die Vorteile", "Explain the system and its advantages"),
        ("non_ascii", "请证明根号二是无理数", "prove that it is irrational"),
        ("log_items", "- one\n- two", "one, two"),
        ("how_many", "How many mules?", "Which mules?"),
    ],
)
def test_a_feature_is_larger_where_there_is_more_of_it(feature: str, text: str, other: str) -> None:
    assert _features(text)[feature] > _features(other)[feature]


@pytest.mark.parametrize("form", ["A. one\nB. two\nC. three", "(A) one\n(B) two", "A) one\nB) two\nC) three\nAnswer:"])
def test_choices_are_cut_off(form: str) -> None:
    body, choices = without_choices(f"{_QUESTION}\n{form}")
    assert body.strip() == _QUESTION
    assert choices[:2] == ["one", "two"]


@pytest.mark.parametrize("text", [_QUESTION, "Plan:\nA. only one", "", "1. first\n2. second", "\nB. two\nA. one"])
def test_what_is_no_multiple_choice_question_is_left_alone(text: str) -> None:
    assert without_choices(text) == (text, [])


def test_what_follows_the_choices_is_kept() -> None:
    body, _ = without_choices("Which?\nA. one\nB. two\nExplain your choice step by step.")
    assert body == "Which?\nExplain your choice step by step."


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("prove", ("prove", "proves", "proved", "proving")),
        ("density", ("density", "densities", "densitied", "densitying")),
        ("gas", ("gas",)),
    ],
)
def test_long_words_stand_for_their_forms(word: str, forms: tuple[str, ...]) -> None:
    assert forms_of(word) == forms
