"""``arriero run``: one question to a model, or a conversation with it."""

import json
import os
import re
import sys
from contextlib import closing
from dataclasses import dataclass, replace

import click

from arriero.cli import asking
from arriero.cli.answers import Answer
from arriero.cli.api import Api
from arriero.cli.flags import model_name
from arriero.cli.pictures import with_files
from arriero.cli.repl import Repl
from arriero.cli.session import ChatTurn, Display, Session, Think
from arriero.cli.settings import THINK_LEVELS, read_format
from arriero.cli.show_answer import Shown
from arriero.cli.statistics import statistics_text
from arriero.cli.terminal import Prompt, StandardOutput, readable
from arriero.cli.transfer import pull_for_user
from arriero.config import is_true
from arriero.errors import InvalidRequest, ServerRefused
from arriero.store.layout import data_dir
from arriero.types.durations import parse_duration

_SECONDS = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_GREETING = "Send a message (/? for help)"


class _OptionalThink(click.Command):
    """Takes ``--think`` alone as ``--think=true``, so that it does not eat the prompt behind it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        flags = ["--think=true" if each == "--think" else each for each in args[:end]]
        return super().parse_args(ctx, flags + args[end:])


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command was given, as click hands it over."""

    keepalive: str | None
    format: str | None
    think: str | None
    system: str
    dimensions: int | None
    hidethinking: bool
    verbose: bool
    nowordwrap: bool
    insecure: bool


@click.command(cls=_OptionalThink)
@click.argument("model", type=model_name)
@click.argument("prompt", nargs=-1)
@click.option("--system", metavar="TEXT", default="", help="A system prompt in place of the model's own.")
@click.option("--format", metavar="json|SCHEMA", help="Answer in JSON, or by a JSON schema.")
@click.option("--think", metavar="[=LEVEL]", help="Think first: --think, --think=false, --think=high ...")
@click.option("--hidethinking", is_flag=True, help="Do not show what it thinks.")
@click.option(
    "--keepalive", metavar="DURATION", help="How long the model stays loaded afterwards, as in 5m; -1: always."
)
@click.option("--verbose", is_flag=True, help="Show statistics of each answer.")
@click.option("--nowordwrap", is_flag=True, help="Do not wrap lines at words.")
@click.option("--dimensions", type=click.IntRange(1), metavar="N", help="Numbers of an embedding.")
@click.option("--insecure", is_flag=True, help="Should it have to be fetched: over plain http.")
def run(model: str, prompt: tuple[str, ...], **given: object) -> None:
    """Ask a MODEL the PROMPT, or talk with it.

    What is piped in goes before the prompt. With neither, a conversation begins. A model that is not there is
    fetched first. An embedding model prints the vector of the prompt.

    What is typed in a conversation is remembered for the next one, unless OLLAMA_NOHISTORY is 1.
    """
    flags = Flags(**given)  # type: ignore[arg-type]  # click checked them
    session, think = _session(model, flags), _read_think(flags.think)
    with Api(os.environ) as api:
        shown = show_or_pull(api, model, insecure=flags.insecure)
        if "image" in shown.capabilities:
            raise InvalidRequest(f"{model} makes images, which this command cannot show")
        session = asking.about(session, model, shown)
        if think is not None:
            # Sent even to a model that cannot: then the server says so.
            session = replace(session, think=think)
        is_typed = sys.stdin.isatty()
        text = readable(" ".join((*(() if is_typed else _piped()), *prompt)))
        if "embedding" in shown.capabilities:
            click.echo(json.dumps(asking.embed(api, session, text, flags.dimensions)))
        elif is_typed and not prompt and sys.stdout.isatty():
            _talk(api, session)
        else:
            _ask(api, session, text)


def show_or_pull(api: Api, model: str, *, insecure: bool) -> Shown:
    """What the server shows of a model, which is fetched first where it is not there. Raises ServerRefused."""
    try:
        return api.show(model)
    except ServerRefused as error:
        if error.status != 404:
            raise
    pull_for_user(api, model, insecure=insecure)
    return api.show(model)


def _session(model: str, flags: Flags) -> Session:
    display = Display(
        verbose=flags.verbose,
        wordwrap=not flags.nowordwrap,
        hides_thinking=flags.hidethinking,
        keeps_history=not is_true(os.environ, "OLLAMA_NOHISTORY"),
    )
    return Session(
        model,
        system=flags.system,
        format=read_format(flags.format) if flags.format else None,
        keep_alive=_read_keep_alive(flags.keepalive),
        display=display,
    )


def _read_think(text: str | None) -> Think | None:
    if text is None or text in THINK_LEVELS:
        return text
    if text in {"true", "false"}:
        return text == "true"
    raise InvalidRequest(f"--think: {text!r} is none of true, false, {', '.join(THINK_LEVELS)}")


def _read_keep_alive(text: str | None) -> float | str | None:
    """A number is in seconds; any other text has to be a duration. Raises InvalidRequest."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    parse_duration(text)
    return text


def _piped() -> tuple[str, ...]:
    text = sys.stdin.buffer.read().decode(errors="replace")
    return (text,) if text else ()


def _ask(api: Api, session: Session, text: str) -> None:
    """Ask one thing; without a text, have the model loaded only."""
    if not text:
        asking.load(api, session)
        return
    images: tuple[bytes, ...] = ()
    if session.takes_files:
        text, images, lines = with_files(text)
        for line in lines:
            click.echo(line, err=True)
    terminal = StandardOutput()
    answer = Answer(terminal, session.display)
    try:
        with closing(asking.complete(api, session, ChatTurn("user", text, images=images))) as pieces:
            answer.follow(pieces)
    finally:
        answer.end()
    if terminal.width:
        click.echo()
    if session.display.verbose and answer.measured:
        click.echo(statistics_text(answer.measured), err=True, nl=False)


def _talk(api: Api, session: Session) -> None:
    asking.load(api, session)
    click.echo(_GREETING)
    typed = Prompt(data_dir(os.environ) / "history", keeps=session.display.keeps_history)
    Repl(api, session, typed, StandardOutput()).run()
