"""What a model is asked."""

from arriero.engines.labels.prompt import prompt_text
from arriero.types.system_one import Option, Question


def noul(true: str = "Yes", false: str = "No") -> Question:
    return Question("q", "noul", "Is it?", (Option("true", true), Option("false", false)))


def test_yes_and_no_need_no_words() -> None:
    assert prompt_text("state", noul(), ["Yes", "No"]) == "Text:\nstate\n\nQuestion: Is it?\nAnswer Yes or No."


def test_what_they_mean_is_told_where_it_is_something_else() -> None:
    assert prompt_text("", noul("It is", "It is not"), ["Yes", "No"]) == (
        "Question: Is it?\nYes) It is\nNo) It is not\nAnswer Yes or No."
    )


def test_letters_are_told_what_they_stand_for() -> None:
    assert prompt_text("", noul(), ["A", "B"]) == "Question: Is it?\nA) Yes\nB) No\nAnswer with the label alone."


def test_a_choice_is_told_with_what_it_means() -> None:
    question = Question("q", "choice", "Who?", (Option("billing", "money"), Option("sales", "sales")))
    assert prompt_text("", question, ["A", "B"]) == (
        "Question: Who?\nA) billing (money)\nB) sales\nAnswer with the label alone."
    )
