"""Words and cues of a text."""

from math import log

from arriero.router.terms import CUE_NAMES, SEEN_CHARS, cues_of, terms_of

QUESTION = "Which of the following is NOT metal?\nA. iron\nB. 12 grams of tin\nC. sulphur\nAnswer:"


def cue(text: str, name: str) -> float:
    return cues_of(text)[CUE_NAMES.index(name)]


def test_a_word_counts_by_the_logarithm_of_how_often_it_is_said() -> None:
    assert terms_of("iron, Iron and tin") == {"iron": 1 + log(2), "and": 1.0, "tin": 1.0}


def test_choices_are_words_but_their_letters_and_the_cue_are_not() -> None:
    found = terms_of(QUESTION)

    assert {"metal", "sulphur", "12"} <= found.keys()
    assert not {"a", "b", "c", "answer"} & found.keys()


def test_every_cue_has_a_name_for_any_text() -> None:
    for text in ("", " ", "?", "\n\n", "é" * 50, QUESTION, "x" * 100_000):
        assert len(cues_of(text)) == len(CUE_NAMES)


def test_cues_tell_how_it_is_asked() -> None:
    assert cue(QUESTION, "asks_not") == 1.0
    assert cue(QUESTION, "asks_of_following") == 1.0
    assert cue(QUESTION, "has_no_choices") == 0.0
    assert cue(QUESTION, "choices_with_numbers") == 1 / 3
    assert cue("The sky is ____:", "has_blank") == 1.0
    assert cue("The sky is ____:", "ends_with_colon") == 1.0


def test_what_is_said_late_in_a_long_text_is_not_looked_at() -> None:
    assert "late" not in terms_of("early " * SEEN_CHARS + "late")


def test_a_long_text_without_a_match_is_looked_at_quickly() -> None:
    assert cue("II " * SEEN_CHARS, "asks_combination") == 0.0
