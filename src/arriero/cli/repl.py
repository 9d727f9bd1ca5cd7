"""The conversation at the terminal: reads, asks, shows, until it is told to end."""

from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, assert_never

import click

from arriero.cli import slash
from arriero.cli.answers import Answer, Terminal
from arriero.cli.api import Api
from arriero.cli.asking import about, chat, load
from arriero.cli.model_tables import list_text
from arriero.cli.pictures import named_files, with_files
from arriero.cli.session import ChatTurn, Session
from arriero.cli.session_show import part_text
from arriero.cli.settings import change
from arriero.cli.slash_help import help_text
from arriero.cli.statistics import statistics_text
from arriero.cli.transfer import follow
from arriero.errors import ArrieroError

_PROMPT, _MORE = ">>> ", "... "
_HOW_TO_LEAVE = "\nUse Ctrl + d or /bye to exit."


class Typed(Protocol):
    """Where lines come from (see ``terminal.Prompt``)."""

    def read(self, prompt: str) -> str:
        """One line. Raises EOFError and KeyboardInterrupt."""

    def keep(self, *, keeps: bool) -> None:
        """Remember what is typed from now on, or do not."""


@dataclass(slots=True)
class Repl:
    """One conversation. ``session`` is replaced as it goes on."""

    api: Api
    session: Session
    typed: Typed
    terminal: Terminal

    def run(self) -> None:
        """Talk until the user goes."""
        for turn in self.session.brought:
            self._tell(f"{_PROMPT if turn.role == 'user' else ''}{turn.content}")
        while True:
            try:
                text = self._read()
            except EOFError:
                self._tell("")
                return
            except KeyboardInterrupt:
                self._tell(_HOW_TO_LEAVE)
                continue
            if not self._goes_on(text):
                return

    def _read(self) -> str:
        """All lines of what the user types next."""
        text = self.typed.read(_PROMPT)
        while slash.is_open(text):
            text += "\n" + self.typed.read(_MORE)
        return text

    def _goes_on(self, text: str) -> bool:
        """Do what was asked for; False where that was to end. Nothing that goes wrong ends the session."""
        command = self._parse(text)
        try:
            if isinstance(command, slash.Bye):
                return False
            self._do(command)
        except ArrieroError as error:
            click.echo(f"Error: {error}", err=True)
        except OSError as error:
            click.echo(f"Error: {error.strerror}: {error.filename}", err=True)
        except KeyboardInterrupt:
            self._tell("")
        return True

    def _parse(self, text: str) -> slash.Command:
        command = slash.parse(text)
        if isinstance(command, slash.Mistake) and self.session.takes_files and named_files(text):
            return slash.Say(text)
        return command

    def _do(self, command: slash.Command) -> None:
        match command:
            case slash.Say(text):
                if text.strip():
                    self._ask(text)
            case slash.Set(what, argument):
                self._set(what, argument)
            case slash.Load(model):
                self._load(model)
            case slash.Save(name):
                follow(self.api.create(self.session.to_create(name)))
                self._tell(f"Created new model '{name}'")
            case slash.Clear():
                self.session = self.session.cleared()
                self._tell("Cleared session context")
            case slash.Bye():
                pass
            case _:
                self._tell(self._view(command))

    def _view(self, command: slash.Show | slash.Models | slash.Help | slash.Mistake) -> str:
        """What is told without a change."""
        match command:
            case slash.Show(part):
                return part_text(self.api, self.session, part)
            case slash.Models():
                models = self.api.call(lambda client: client.list()).models
                return list_text(models, "", datetime.now(UTC))
            case slash.Help(topic):
                return help_text(topic)
            case slash.Mistake(text):
                return text
            case _:
                assert_never(command)

    def _ask(self, text: str) -> None:
        """Put a question and show the answer. What Ctrl-C has left of one counts as the answer."""
        session = self.session
        images: tuple[bytes, ...] = ()
        if session.takes_files:
            text, images, lines = with_files(text)
            for line in lines:
                self._tell(line)
        question = ChatTurn("user", text, images=images)
        answer = Answer(self.terminal, session.display)
        try:
            with suppress(KeyboardInterrupt), closing(chat(self.api, session, question)) as pieces:
                answer.follow(pieces)
        finally:
            answer.end()
        self.session = session.answered(question, answer.turn)
        self._tell("")
        if session.display.verbose and answer.measured:
            click.echo(statistics_text(answer.measured), err=True, nl=False)

    def _set(self, what: str, argument: str) -> None:
        session, told = change(self.session, what, argument)
        if what in {"think", "nothink"} and not self.api.show(session.model).thinks:
            self._tell(f"Warning: model '{session.model}' does not support thinking")
        self.typed.keep(keeps=session.display.keeps_history)
        self.session = session
        self._tell(told)

    def _load(self, model: str) -> None:
        """Go on with another model; with the one at hand where that cannot be."""
        session = about(self.session, model, self.api.show(model))
        load(self.api, session)
        self.session = session
        self._tell(f"Loaded model '{model}'")

    def _tell(self, text: str) -> None:
        self.terminal.write(f"{text}\n")
