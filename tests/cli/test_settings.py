import pytest

from arriero.cli.session import Display, Option, Session
from arriero.cli.settings import change, read_format, read_option
from arriero.errors import InvalidRequest

SESSION = Session("gen")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["num_ctx", "2048"], 2048),
        (["temperature", "0"], 0.0),
        (["use_mmap", "true"], True),
        (["use_mmap", "0"], False),
        (["stop", "a", "b c"], ["a", "b c"]),
    ],
)
def test_an_option_has_its_own_type(words: list[str], value: Option) -> None:
    found = read_option(words[0], words[1:])

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["top_kk", "5"], "unknown parameter 'top_kk'"),
        (["top_k", "5.5"], r"invalid int value \[5.5\]"),
        (["top_p", "x"], r"invalid float value \[x\]"),
        (["use_mmap", "x"], r"invalid bool value \[x\]"),
    ],
)
def test_an_option_of_another_type_is_refused_in_ollamas_words(words: list[str], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text):
        read_option(words[0], words[1:])


def test_parameters_gather() -> None:
    session, told = change(SESSION, "parameter", "temperature 0")
    session, _ = change(session, "parameter", 'stop "one two" three')

    assert session.options == {"temperature": 0.0, "stop": ["one two", "three"]}
    assert told == "Set parameter 'temperature' to '0'"
    with pytest.raises(InvalidRequest, match="Couldn't set parameter: unknown parameter 'x'"):
        change(SESSION, "parameter", "x 1")
    with pytest.raises(InvalidRequest, match="Usage"):
        change(SESSION, "parameter", "temperature")


def test_the_system_prompt_may_have_lines() -> None:
    assert change(SESSION, "system", '"""Be\nbrief."""')[0].system == "Be\nbrief."
    assert change(SESSION, "system", "Be brief.") == (Session("gen", system="Be brief."), "Set system message.")


def test_the_format_is_json_or_a_schema_or_none() -> None:
    assert change(SESSION, "format", "json")[0].format == "json"
    assert change(SESSION, "format", '{"type":"object"}')[0].format == {"type": "object"}
    assert change(Session("gen", format="json"), "noformat", "")[0].format is None
    for text in ("", "yaml", "[1]"):
        with pytest.raises(InvalidRequest, match="json"):
            change(SESSION, "format", text)
    with pytest.raises(InvalidRequest):
        read_format("{")


def test_thinking() -> None:
    assert change(SESSION, "think", "")[0].think is True
    assert change(SESSION, "think", "high") == (Session("gen", think="high"), "Set 'think' mode to 'high'.")
    assert change(SESSION, "nothink", "")[0].think is False
    with pytest.raises(InvalidRequest, match="low, medium, high"):
        change(SESSION, "think", "deep")


@pytest.mark.parametrize(
    ("what", "display"),
    [
        ("verbose", Display(verbose=True)),
        ("quiet", Display(verbose=False)),
        ("nowordwrap", Display(wordwrap=False)),
        ("wordwrap", Display(wordwrap=True)),
        ("markdown", Display(markdown=True)),
        ("nomarkdown", Display(markdown=False)),
        ("nohistory", Display(keeps_history=False)),
        ("history", Display(keeps_history=True)),
    ],
)
def test_how_answers_are_shown(what: str, display: Display) -> None:
    assert change(SESSION, what, "") == (Session("gen", display=display), f"Set '{what}' mode.")


def test_what_nobody_can_set() -> None:
    with pytest.raises(InvalidRequest, match="Unknown command '/set weather'"):
        change(SESSION, "weather", "fine")
