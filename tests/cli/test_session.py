from arriero.cli.session import ChatTurn, Session
from arriero.protocol.ollama import WireMessage

QUESTION, ANSWER = ChatTurn("user", "Hi"), ChatTurn("assistant", "Hello.", "Polite.")


def test_a_question_goes_with_all_that_was_said_and_thought() -> None:
    session = Session("gen", system="Be brief.").answered(QUESTION, ANSWER)

    assert session.messages(ChatTurn("user", "And now?", images=(b"png",))) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", "thinking": "Polite."},
        {"role": "user", "content": "And now?", "images": [b"png"]},
    ]


def test_a_question_without_an_answer_is_not_kept() -> None:
    assert Session("gen").answered(QUESTION, ChatTurn("assistant", "")).history == ()


def test_clearing_forgets_what_was_said_and_not_what_was_set() -> None:
    session = Session("gen", system="Be brief.", options={"top_k": 1})

    assert session.answered(QUESTION, ANSWER).cleared() == session


def test_another_model_begins_anew_and_thinks_if_it_can() -> None:
    session = Session("gen", system="Be brief.").answered(QUESTION, ANSWER)

    moved = session.moved_to("think", [QUESTION], thinks=True, takes_files=False)

    assert (moved.model, moved.history, moved.brought, moved.think) == ("think", (), (QUESTION,), True)
    assert moved.system == "Be brief."
    assert moved.moved_to("gen", [], thinks=False, takes_files=False).think is None
    high = Session("think", think="high")
    assert high.moved_to("think", [], thinks=True, takes_files=False).think == "high"


def test_saving_makes_a_model_that_begins_where_the_session_is() -> None:
    session = Session("gen", brought=(QUESTION,), system="Be brief.", options={"top_k": 1})

    request = session.answered(QUESTION, ANSWER).to_create("mine")

    assert (request.model, request.origin, request.system) == ("mine", "gen", "Be brief.")
    assert request.parameters == {"top_k": 1}
    assert request.messages == [
        WireMessage("user", "Hi"),
        WireMessage("user", "Hi"),
        WireMessage("assistant", "Hello."),
    ]
