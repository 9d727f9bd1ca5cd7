import json
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from arriero.engines.fake import FakeEngine, Script, prompt_text
from arriero.errors import EngineFailed
from arriero.types.chat import ChatPrompt, TextRequest
from tests.cli.servers import Told, golden_server, scripted_server
from tests.cli.terminals import CTRL_C, CTRL_D, Terminal, at_terminal
from tests.contract.models import golden_engines


def script(request: TextRequest) -> Script:
    match prompt_text(request):
        case "slowly":
            return Script((("One",), (" two",)), hang=True)
        case "never":
            return Script((), hang=True)
        case "fail":
            return Script((("Hel",), ("lo",)), error=EngineFailed("out of memory"), fail_after=1)
        case "long":
            return Script((("the quick brown fox jumps over",), (" the lazy dog",)))
        case _:
            return Script((("Hel", "lo"), (" there.",)))


class WatchedEngine(FakeEngine):
    """Tells other threads whenever an answer begins or ends."""

    def __init__(self) -> None:
        super().__init__(script)
        self._news: SimpleQueue[None] = SimpleQueue()

    def wait_until(self, is_true: Callable[[], bool]) -> None:
        while not is_true():
            self._news.get(timeout=10)

    def _count(self, change: int) -> None:
        super()._count(change)
        self._news.put(None)


@pytest.fixture
def engine() -> WatchedEngine:
    return WatchedEngine()


@pytest.fixture
def url(tmp_path: Path, engine: WatchedEngine) -> Iterator[str]:
    with golden_server(tmp_path, {**golden_engines(), "gen:latest": engine}) as url:
        yield url


@pytest.fixture
def terminal(url: str, tmp_path: Path) -> Iterator[Terminal]:
    with at_terminal(url, tmp_path / "home", "run", "gen") as terminal:
        terminal.expect("Send a message (/? for help)\n>>> ")
        yield terminal


def said(engine: FakeEngine, at: int = -1) -> list[tuple[str, str]]:
    prompt = engine.requests[at].prompt
    assert isinstance(prompt, ChatPrompt)
    return [(message.role, message.content) for message in prompt.messages]


def test_a_conversation_remembers_what_was_said(terminal: Terminal, engine: WatchedEngine) -> None:
    terminal.type("Hi\n")
    terminal.expect("Hello there.\n\n>>> ")
    terminal.type("And now?\n")
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine) == [("user", "Hi"), ("assistant", "Hello there."), ("user", "And now?")]

    terminal.type("/clear\n")
    terminal.expect("Cleared session context\n>>> ")
    terminal.type("Again\n")
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine) == [("user", "Again")]

    terminal.type("/bye\n")
    assert terminal.end() == 0


def test_ctrl_c_stops_the_answer_and_not_the_session(terminal: Terminal, engine: WatchedEngine) -> None:
    terminal.type("slowly\n")
    terminal.expect("One ")
    terminal.type(CTRL_C)
    terminal.expect(">>> ")
    engine.wait_until(lambda: (engine.cancelled, engine.running) == (1, 0))

    terminal.type("Hi\n")
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine) == [("user", "slowly"), ("assistant", "One two"), ("user", "Hi")]


def test_ctrl_c_before_the_first_word_takes_the_question_back(terminal: Terminal, engine: WatchedEngine) -> None:
    terminal.type("never\n")
    engine.wait_until(lambda: engine.running == 1)
    terminal.type(CTRL_C)
    terminal.expect(">>> ")
    engine.wait_until(lambda: (engine.cancelled, engine.running) == (1, 0))

    terminal.type("Hi\n")
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine) == [("user", "Hi")]


def test_ctrl_c_at_the_prompt_says_how_to_leave_and_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.interrupt_prompt("Use Ctrl + d or /bye to exit.\n>>> ")
    terminal.type(CTRL_D)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.raw


def test_several_lines_between_three_quotes_are_one_message(terminal: Terminal, engine: WatchedEngine) -> None:
    terminal.type('"""one\n')
    terminal.expect("... ")
    terminal.type('two"""\n')
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine) == [("user", "one\ntwo")]

    terminal.type('/set system """Be\n')
    terminal.expect("... ")
    terminal.type('brief."""\n')
    terminal.expect("Set system message.\n>>> ")
    terminal.type("Hi\n")
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine)[0] == ("system", "Be\nbrief.")


def test_an_error_in_the_middle_does_not_end_the_session(terminal: Terminal, engine: WatchedEngine) -> None:
    terminal.type("fail\n")
    terminal.expect("Hel\nError: out of memory\n>>> ")
    terminal.type("Hi\n")
    terminal.expect("Hello there.\n\n>>> ")
    assert said(engine) == [("user", "Hi")]


def test_what_is_set_goes_with_the_next_question(terminal: Terminal, engine: WatchedEngine) -> None:
    for line, told in (
        ("/set parameter temperature 0.5", "Set parameter 'temperature' to '0.5'"),
        ("/set parameter x 1", "Error: Couldn't set parameter: unknown parameter 'x'"),
        ("/set format json", "Set format to json mode."),
        ("/set think", "Warning: model 'gen' does not support thinking"),
        ("/set nothink", "Set 'nothink' mode."),
        ("/set verbose", "Set 'verbose' mode."),
        ("/show parameters", "User defined parameters:\n  temperature    0.5"),
        ("/show system", "No system message was specified for this model."),
        ("/show info", "  Capabilities\n    completion"),
        ("/list", "think:latest"),
        ("/?", "Ctrl-c stops an answer."),
        ("/nothing", "Unknown command '/nothing'. Type /? for help"),
    ):
        terminal.type(f"{line}\n")
        terminal.expect(told)
        terminal.expect(">>> ")
    terminal.type("Hi\n")
    terminal.expect("eval rate:            1000.00 tokens/s\n>>> ")
    asked = engine.requests[-1]
    assert asked.sampling.temperature == 0.5
    assert asked.json_format is not None


def test_another_model_begins_anew_and_one_that_is_not_there_changes_nothing(terminal: Terminal) -> None:
    terminal.type("/load nope\n")
    terminal.expect("Error: model 'nope:latest' not found\n>>> ")
    terminal.type("/load think\n")
    terminal.expect("Loaded model 'think'\n>>> ")
    terminal.type("Why?\n")
    assert terminal.expect("Hello there.\n\n>>> ").endswith("Thinking...\nLet me think.\n...done thinking.\n\n")
    assert "\x1b[2mThinking...\r\n" in terminal.raw
    assert "...done thinking.\r\n\r\n\x1b[0m" in terminal.raw


def test_lines_are_wrapped_at_words(url: str, tmp_path: Path) -> None:
    with at_terminal(url, tmp_path / "home", "run", "gen", columns=20) as terminal:
        terminal.expect(">>> ")
        terminal.type("long\n")
        terminal.expect("the quick brown fox \njumps over the lazy \ndog\n\n>>> ")
        terminal.type("/set nowordwrap\n")
        terminal.expect(">>> ")
        terminal.type("long\n")
        terminal.expect("the quick brown fox jumps over the lazy dog\n\n>>> ")


def test_markdown_is_drawn_when_asked_for(terminal: Terminal) -> None:
    terminal.type("/set markdown\n")
    terminal.expect(">>> ")
    terminal.type("Hi\n")
    terminal.expect("Hello there.")
    terminal.expect(">>> ")


def test_what_was_typed_is_remembered_unless_it_shall_not_be(url: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with at_terminal(url, home, "run", "gen") as terminal:
        for line in ("Hi", "/set nohistory", "secret", "/bye"):
            terminal.expect(">>> ")
            terminal.type(f"{line}\n")
        assert terminal.end() == 0
    history = home / "history"
    assert "Hi" in history.read_text()
    assert "secret" not in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600

    with at_terminal(url, tmp_path / "other", "run", "gen", environ={"OLLAMA_NOHISTORY": "1"}) as terminal:
        for line in ("Hi", "/set verbose", "/bye"):
            terminal.expect(">>> ")
            terminal.type(f"{line}\n")
        assert terminal.end() == 0
    assert not (tmp_path / "other/history").exists()


def test_ctrl_c_in_a_single_answer_ends_the_command_without_a_word(
    url: str, tmp_path: Path, engine: WatchedEngine
) -> None:
    with at_terminal(url, tmp_path, "run", "gen", "slowly") as terminal:
        terminal.expect("One ")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    engine.wait_until(lambda: (engine.cancelled, engine.running) == (1, 0))
    assert "Traceback" not in terminal.raw
    assert "Aborted" not in terminal.raw


def test_saving_sends_the_session(tmp_path: Path) -> None:
    answer = Told(
        lines=({"message": {"role": "assistant", "content": "Yes."}}, {"message": {"role": "assistant"}, "done": True})
    )
    shown = {"model_info": {}, "capabilities": ["completion"], "messages": [{"role": "user", "content": "Before"}]}
    answers = {
        "POST /api/show": Told(200, json.dumps(shown).encode()),
        "POST /api/generate": Told(200, b'{"response":"","done":true}'),
        "POST /api/chat": answer,
        "POST /api/create": Told(lines=({"status": "success"},)),
    }
    with scripted_server(answers) as server, at_terminal(server.url, tmp_path, "run", "gen") as terminal:
        terminal.expect(">>> Before\n>>> ")
        terminal.type("Hi\n")
        terminal.expect("Yes.\n\n>>> ")
        terminal.type("/save mine\n")
        terminal.expect("Created new model 'mine'\n>>> ")

    sent = server.asked[-1].json()
    assert (sent["model"], sent["from"]) == ("mine", "gen")
    assert [(each["role"], each["content"]) for each in sent["messages"]] == [
        ("user", "Before"),
        ("user", "Hi"),
        ("assistant", "Yes."),
    ]
    assert [turn["content"] for turn in server.asked[-2].json()["messages"]] == ["Hi"]


def test_a_path_that_is_typed_is_a_picture_for_a_model_that_sees(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"png")
    answers = {
        "POST /api/show": Told(200, b'{"model_info":{},"capabilities":["completion","vision"]}'),
        "POST /api/generate": Told(200, b'{"response":"","done":true}'),
        "POST /api/chat": Told(lines=({"message": {"role": "assistant", "content": "A cat."}, "done": True},)),
    }
    with scripted_server(answers) as server, at_terminal(server.url, tmp_path, "run", "vis") as terminal:
        terminal.expect(">>> ")
        terminal.type(f"{tmp_path}/cat.png Who is this?\n")
        terminal.expect(f"Added image '{tmp_path}/cat.png'\nA cat.\n\n>>> ")

    [message] = server.asked[-1].json()["messages"]
    assert message == {"role": "user", "content": "Who is this?", "images": ["cG5n"]}
