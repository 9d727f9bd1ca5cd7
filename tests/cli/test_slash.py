import pytest

from arriero.cli.slash import Bye, Clear, Command, Help, Load, Mistake, Models, Save, Say, Set, Show, is_open, parse


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Why?", Say("Why?")),
        ('"""one\ntwo"""', Say("one\ntwo")),
        ("/bye", Bye()),
        ("/exit ", Bye()),
        ("/clear", Clear()),
        ("/list", Models()),
        ("/?", Help()),
        ("/help", Help()),
        ("/? /set", Help("set")),
        ("/load qwen3:0.6b", Load("qwen3:0.6b")),
        ("/load", Mistake("Usage:\n  /load <model>")),
        ("/save mine", Save("mine")),
        ("/save ", Mistake("Usage:\n  /save <model>")),
        ("/show", Help("show")),
        ("/show info", Show("info")),
        ("/show license", Show("license")),
        ("/show modelfile", Show("modelfile")),
        ("/show parameters", Show("parameters")),
        ("/show system", Show("system")),
        ("/show template", Show("template")),
        ("/show weather", Mistake("Unknown command '/show weather'. Type /? for help")),
        ("/set", Help("set")),
        ("/set verbose", Set("verbose", "")),
        ("/set\tverbose", Set("verbose", "")),
        ("/set parameter\ttop_k 5", Set("parameter", "top_k 5")),
        ("/set parameter top_k  5", Set("parameter", "top_k  5")),
        ('/set system """Be\nbrief."""', Set("system", '"""Be\nbrief."""')),
        ("/frobnicate now", Mistake("Unknown command '/frobnicate'. Type /? for help")),
    ],
)
def test_what_a_line_asks_for(text: str, command: Command) -> None:
    assert parse(text) == command


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("hello", False),
        ('"""', True),
        ('"""hello', True),
        ('"""hello\nyou"""', False),
        ('"""hello"""', False),
        ('say """ please', False),
        ('/set system """', True),
        ('/set system """Be\nbrief.""" ', False),
        ("/set system Be brief.", False),
    ],
)
def test_three_quotes_hold_a_text_together(text: str, waits: bool) -> None:
    assert is_open(text) is waits
