"""``arriero route chat``: a conversation in which two models answer, each what is right for it."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field

import click

from arriero.cli.address import server_url
from arriero.cli.answers import Answer, Piece, Terminal
from arriero.cli.api import Api
from arriero.cli.ollama_library import import_ollama
from arriero.cli.repl import Typed
from arriero.cli.route_speakers import OwnRouter, Router, Said, ServedRouter, Speaker
from arriero.cli.session import ChatTurn, Display
from arriero.cli.terminal import Prompt, StandardOutput
from arriero.config import is_true
from arriero.errors import ArrieroError
from arriero.store.layout import data_dir
from arriero.types.routing import SIDES, Side

_PROMPT = "You: "
_GOODBYE = "Goodbye!"
_LEAVING = frozenset({"quit", "exit", "q", "/quit", "/exit", "/bye", "/q"})
_HELP = """\
  /local    only the local model answers from here on; nothing leaves it
  /remote   the remote model answers from here on
  /auto     the router decides again
  /why      why the last answer came from there
  /clear    forget what has been said
  /quit     leave (so do Ctrl-D, and Ctrl-C at the prompt)
"""
_WORDS: dict[Side | None, str] = {
    "local": "The local model answers from here on, and nobody else is asked.",
    "remote": "The remote model answers from here on.",
    None: "The router decides who answers.",
}


@click.command(short_help="Talk with two models, of which the right one answers.")
@click.option("--model", metavar="NAME", help="Talk with this router of a server that runs (OLLAMA_HOST) instead.")
@click.option("--local-host", metavar="URL", help="Where the local model is.  [default: OLLAMA_HOST, or this machine]")
@click.option("--local-model", metavar="NAME", default="llama3.2", show_default=True, help="The small model.")
@click.option(
    "--remote-host",
    metavar="URL",
    envvar="ARRIERO_REMOTE_HOST",
    default="http://localhost:30001",
    show_default=True,
    show_envvar=True,
    help="Where the powerful model is: SGLang, vLLM, an Ollama, or any server that speaks OpenAI's API.",
)
@click.option(
    "--remote-model",
    metavar="NAME",
    default="Qwen/Qwen2.5-1.5B-Instruct",
    show_default=True,
    help="The powerful model.",
)
@click.option("--judge-model", metavar="NAME", help="Who says how hard a request is.  [default: the local model]")
@click.option("--judge-host", metavar="URL", help="Where the judge is.  [default: as the local model]")
@click.option(
    "--local-api-key", metavar="KEY", envvar="ARRIERO_LOCAL_API_KEY", show_envvar=True, help="If it wants one."
)
@click.option(
    "--remote-api-key", metavar="KEY", envvar="ARRIERO_REMOTE_API_KEY", show_envvar=True, help="If it wants one."
)
def chat(  # noqa: PLR0913  # one parameter a flag
    model: str | None,
    local_host: str | None,
    local_model: str,
    remote_host: str,
    remote_model: str,
    judge_model: str | None,
    judge_host: str | None,
    local_api_key: str | None,
    remote_api_key: str | None,
) -> None:
    """Talk with a small local model and a powerful remote one: a judge says which of them answers.

    With --model, a router of a running server is talked with, as made by "arriero serve --router".
    """
    url = server_url(os.environ)
    if model is not None:
        with Api(os.environ) as api:
            _talk(ServedRouter(api, model), f"{model} at {url}")
        return
    import_ollama(url)
    from arriero.client.smart_router import SmartRouter

    with SmartRouter(
        local_host or url,
        remote_host,
        local_model,
        remote_model,
        judge_model,
        judge_host,
        local_api_key=local_api_key,
        remote_api_key=remote_api_key,
    ) as router:
        _talk(OwnRouter(router), f"{local_model} <-> {remote_model}, judged by {router.judge_model}")


def _talk(router: Router, title: str) -> None:
    click.echo(f"Smart Router: {title}\nType /help for commands, quit to leave.\n")
    keeps = not is_true(os.environ, "OLLAMA_NOHISTORY")
    Talk(router, Prompt(data_dir(os.environ) / "history", keeps=keeps), StandardOutput()).run()


@dataclass(slots=True)
class Talk:
    """One conversation. turns: what has been said; force: who must answer; speaker: who has answered last."""

    router: Router
    typed: Typed
    terminal: Terminal
    turns: list[ChatTurn] = field(default_factory=list)
    force: Side | None = None
    speaker: Speaker | None = None

    def run(self) -> None:
        """Talk until the user goes."""
        while True:
            try:
                text = self.typed.read(_PROMPT).strip()
            except (EOFError, KeyboardInterrupt):
                self._tell(f"\n{_GOODBYE}")
                return
            if text.lower() in _LEAVING:
                self._tell(_GOODBYE)
                return
            self._do(text)

    def _do(self, text: str) -> None:
        commands: dict[str, Callable[[], None]] = {
            "/auto": lambda: self._forces(None),
            "/why": lambda: self._tell("\n".join(self.speaker.why) if self.speaker else "Nobody has answered yet."),
            "/clear": self._clear,
            "/help": lambda: self.terminal.write(_HELP),
            "/?": lambda: self.terminal.write(_HELP),
            **{f"/{side}": self._forcing(side) for side in SIDES},
        }
        if text in commands:
            commands[text]()
        elif text.startswith("/"):
            self._tell(f"Unknown command '{text.split(maxsplit=1)[0]}'. Type /help for commands.")
        elif text:
            self._ask(text)

    def _ask(self, text: str) -> None:
        """Put a question and show the answer. What Ctrl-C has left of one counts as the answer."""
        self.terminal.write("\n")
        question, answer = ChatTurn("user", text), Answer(self.terminal, Display())
        messages = [turn.to_message() for turn in (*self.turns, question)]
        speakers: list[Speaker] = []
        try:
            with suppress(KeyboardInterrupt), closing(self.router.ask(messages, self.force)) as said:
                answer.follow(_pieces(said, speakers))
        except ArrieroError as error:
            click.echo(f"Error: {error}", err=True)
        finally:
            answer.end()
        if answer.turn.content or answer.turn.thinking:
            self.turns += [question, answer.turn]
        if speakers:
            self.speaker = speakers[-1]
            self._tell(self._dimmed(self.speaker.line))
        self.terminal.write("\n")

    def _forcing(self, side: Side) -> Callable[[], None]:
        return lambda: self._forces(side)

    def _forces(self, side: Side | None) -> None:
        self.force = side
        self._tell(_WORDS[side])

    def _clear(self) -> None:
        self.turns, self.speaker = [], None
        self._tell("Forgotten.")

    def _dimmed(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self.terminal.draws else text

    def _tell(self, text: str) -> None:
        self.terminal.write(f"{text}\n")


def _pieces(said: Iterable[Said], speakers: list[Speaker]) -> Generator[Piece]:
    """What is said; who says it is added to the speakers."""
    for each in said:
        if each.speaker is not None:
            speakers.append(each.speaker)
        yield Piece(each.text, each.thinking)
