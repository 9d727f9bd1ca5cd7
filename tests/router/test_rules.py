import re
from dataclasses import replace
from typing import Any

import pytest

from arriero.errors import InvalidRequest
from arriero.router.rules import Facts, Rule, SideFacts, by_ability, by_context, by_force, by_user_rule, can_answer
from arriero.router.subject import Subject, subject_of
from arriero.types.chat import ChatPrompt, InfillPrompt, JsonFormat, Message, TextRequest, ToolCall
from arriero.types.routing import NO_WISH, Reason, Side, Wish
from tests.router.factories_routing import ABLE, lacking, subject

FACTS: Facts = {"local": ABLE, "remote": ABLE}


def fits(rule: Rule, asked: Subject, wish: Wish = NO_WISH) -> bool:
    return by_user_rule((rule,), asked, wish) is not None


def test_what_is_forced_is_what_the_request_says() -> None:
    assert by_force(NO_WISH) is None
    remote, local = by_force(Wish("remote")), by_force(Wish("local"))
    assert remote
    assert (remote.side, remote.reason, remote.is_private) == ("remote", Reason.FORCED, False)
    assert local
    assert (local.side, local.reason, local.is_private) == ("local", Reason.FORCED, True)


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("secret", "A SECRET."),
        ("Straße", "in der STRASSE"),
        ("c++", "why c++?"),
        ("geheim", "streng (geheim)"),
        ("project x", "about project  x"),
        ("project x", "about project\nx"),
        ("café", "in the cafe\u0301"),
        ("secret", "\uff53\uff45\uff43\uff52\uff45\uff54"),
    ],
)
def test_a_keyword_is_found_as_whole_words(keyword: str, text: str) -> None:
    assert fits(Rule("words", "local", (keyword,)), subject(text))


@pytest.mark.parametrize(("keyword", "text"), [("secret", "secretary"), ("c", "c_3"), ("a b", "ab")])
def test_a_keyword_inside_of_a_word_is_none(keyword: str, text: str) -> None:
    assert not fits(Rule("words", "local", (keyword,)), subject(text))


@pytest.mark.parametrize(
    ("condition", "text", "is_met"),
    [
        ({"pattern": re.compile(r"\d{4}")}, "pin 1234", True),
        ({"pattern": re.compile(r"\d{4}")}, "pin 123", False),
        ({"min_chars": 3}, "ab", False),
        ({"min_chars": 3}, "abc", True),
        ({"max_chars": 3}, "abc", True),
        ({"max_chars": 3}, "abcd", False),
        ({"has_images": True}, "a", False),
        ({"has_images": False}, "a", True),
        ({"has_tools": True}, "a", False),
        ({"has_tools": False}, "a", True),
    ],
)
def test_a_rule_asks_for(condition: dict[str, Any], text: str, *, is_met: bool) -> None:
    assert fits(Rule("one", "local", **condition), subject(text)) == is_met


def test_a_rule_asks_for_a_key_and_for_metadata() -> None:
    rule = Rule("theirs", "local", keys=("k1",), metadata={"team": "a", "kind": "b"})

    assert fits(rule, subject("x"), Wish(keys=("k1",), metadata={"team": "a", "kind": "b", "more": "c"}))
    assert not fits(rule, subject("x"), Wish(keys=("k2",), metadata={"team": "a", "kind": "b"}))
    assert not fits(rule, subject("x"), Wish(keys=("k1",), metadata={"team": "a"}))


def test_names_of_metadata_count_in_any_case() -> None:
    rule = Rule("theirs", "private", metadata={"Team": "Legal"})

    assert fits(rule, subject("x"), Wish(metadata={"team": "Legal"}))
    assert not fits(rule, subject("x"), Wish(metadata={"team": "legal"}))


def test_all_that_a_rule_says_must_be_true() -> None:
    rule = Rule("both", "local", ("tax",), max_chars=10)

    assert fits(rule, subject("tax?"))
    assert not fits(rule, subject("tax, and much more"))
    assert not fits(rule, subject("wax?"))


def test_the_first_rule_that_fits_counts_but_for_a_private_one_that_comes_before_all() -> None:
    first, second = Rule("first", "remote", ("tax",)), Rule("second", "local", ("tax",))
    private = Rule("private", "private", ("tax",))

    found = by_user_rule((first, second), subject("tax"), NO_WISH)
    assert found
    assert (found.side, found.reason, found.detail, found.is_private) == ("remote", Reason.USER_RULE, "first", False)
    found = by_user_rule((first, second, private), subject("tax"), NO_WISH)
    assert found
    assert (found.side, found.reason, found.is_private) == ("local", Reason.PRIVATE_RULE, True)


def test_a_rule_that_is_not_private_looks_only_at_what_is_asked() -> None:
    assert not fits(Rule("tax", "remote", ("tax",)), subject("tax", "yes?", "thanks"))
    assert fits(Rule("tax", "private", ("tax",)), subject("tax", "yes?", "thanks"))


CALL = ToolCall("look_up", {"names": ["Ann", {"note": "first line\nsecret line"}], "who": "it's me\tmole"})
TOOL = {"type": "function", "function": {"name": "mine", "description": "Finds\na patient."}}
SCHEMA = {"properties": {"diagnosis": {"type": "string"}}}


@pytest.mark.parametrize(
    "keyword", ["secret", "mole", "Ann", "note", "look_up", "patient", "diagnosis", "system", "thought", "result"]
)
def test_a_private_rule_looks_at_all_that_would_be_told(keyword: str) -> None:
    prompt = ChatPrompt(
        (
            Message("system", "a system text"),
            Message("user", "hello"),
            Message("assistant", "", thinking="a thought", tool_calls=(CALL,)),
            Message("tool", "a result", tool_name="look_up"),
        ),
        tools=(TOOL,),
    )
    asked = subject_of(TextRequest(prompt, json_format=JsonFormat(SCHEMA)))

    assert fits(Rule("keep", "private", (keyword,)), asked)


def test_a_private_rule_finds_a_word_on_either_side_of_a_gap() -> None:
    asked = subject_of(TextRequest(InfillPrompt("the salary", "secret end")))

    assert fits(Rule("keep", "private", ("salary",)), asked)
    assert fits(Rule("keep", "private", ("secret",)), asked)


@pytest.mark.parametrize(
    ("need", "fact", "reason"),
    [
        ("vision", "has_images", Reason.IMAGES),
        ("tools", "has_tools", Reason.TOOLS),
        ("thinking", "wants_thinking", Reason.THINKING),
        ("schema", "has_schema", Reason.SCHEMA),
        ("insert", "is_gap", Reason.INSERT),
    ],
)
@pytest.mark.parametrize(("side", "other"), [("local", "remote"), ("remote", "local")])
def test_what_one_side_lacks_the_other_does(need: str, fact: str, reason: Reason, side: Side, other: Side) -> None:
    facts: Facts = {**FACTS, other: lacking(need).facts}

    found = by_ability(subject("x", **{fact: True}), facts)
    assert found
    assert (found.side, found.reason, found.is_private) == (side, reason, False)
    assert by_ability(subject("x"), facts) is None
    assert by_ability(subject("x", **{fact: True}), FACTS) is None
    assert not can_answer(subject("x", **{fact: True}), facts[other])


def test_what_neither_side_can_is_a_wrong_request_and_each_is_told_what_it_lacks() -> None:
    facts: dict[Side, SideFacts] = {"local": lacking("tools").facts, "remote": lacking("vision").facts}

    with pytest.raises(InvalidRequest, match=r"the local model lacks tools, the remote one vision"):
        by_ability(subject("x", has_tools=True, has_images=True), facts)


def context_verdict(asked: Subject, local: int | None, remote: int | None) -> Side | None:
    verdict = by_context(asked, {"local": SideFacts(context=local), "remote": SideFacts(context=remote)})
    return verdict.side if verdict else None


@pytest.mark.parametrize(
    ("local", "remote", "side"),
    [
        (1000, 1000, None),
        (300, 1000, "remote"),
        (1000, 300, "local"),
        (100, 200, "remote"),
        (200, 100, "local"),
        (300, 300, None),
        (None, 300, "local"),
        (300, None, "remote"),
        (None, None, None),
    ],
)
def test_prompt_and_usual_answer_must_fit(local: int | None, remote: int | None, side: Side | None) -> None:
    assert context_verdict(subject("x", prompt_tokens=100), local, remote) == side


def test_the_answer_that_is_wanted_counts() -> None:
    asked = subject("x", prompt_tokens=100)

    assert context_verdict(replace_wanted(asked, 200), 300, 4000) is None
    assert context_verdict(replace_wanted(asked, 201), 300, 4000) == "remote"


def replace_wanted(asked: Subject, wanted_tokens: int) -> Subject:
    return Subject(asked.turns, asked.prompt_tokens, wanted_tokens)


def test_no_rule_changes_by_being_asked() -> None:
    rule = Rule("one", "local", ("x",))

    assert replace(rule) == rule
    assert hash(replace(rule)) == hash(rule)
