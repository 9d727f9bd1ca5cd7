"""``arriero route explain``: who would answer a prompt, and why."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from arriero.cli import flags, route_flags
from arriero.cli.api import Api
from arriero.cli.tables import aligned
from arriero.errors import ConfigError, InvalidRequest, ServerUnreachable
from arriero.protocol.ollama import WireMessage
from arriero.protocol.ollama_convert import turn_of
from arriero.protocol.router_explain import ExplainRequest, ExplainResponse, ExplainStage
from arriero.router.explanation import to_response
from arriero.router.fallback import FallbackScorer
from arriero.router.fitted import FittedScorer
from arriero.router.fitted import load as load_fitted
from arriero.router.health import SideState
from arriero.router.linear import LinearScorer
from arriero.router.router import Router
from arriero.router.rules import ABILITIES, SideFacts
from arriero.router.scoring import Scorer
from arriero.router.settings import DEFAULT_NAME, RouterSettings
from arriero.router.subject import subject_of
from arriero.router.tuning import load_tuning, tuning_file
from arriero.store.layout import data_dir
from arriero.types.chat import ChatPrompt, TextRequest
from arriero.types.routing import SIDES, Side, Wish, side_of

_WORDS = {"local": "the local model", "remote": "the remote model"}


class _Body(msgspec.Struct):
    """A file of messages may be a whole request."""

    messages: list[WireMessage]


@click.command(short_help="Say who would answer a prompt, and why.")
@click.argument("prompt", default="")
@click.option("--model", default=DEFAULT_NAME, show_default=True, metavar="NAME", help="The router to ask.")
@click.option("--force", type=click.Choice(SIDES), help="As a request that names the side itself.")
@click.option(
    "--messages",
    "file",
    metavar="FILE.json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A conversation, as /api/chat takes it; PROMPT is then its next turn.",
)
@click.option(
    "--offline", is_flag=True, help="Ask no server: rules of the configuration file, and a scorer that needs none."
)
@route_flags.as_json
@flags.config_file
def explain(  # noqa: PLR0913  # one parameter a flag
    prompt: str,
    model: str,
    force: Side | None,
    file: Path | None,
    offline: bool,
    as_json: bool,
    config_file: str | None,
) -> None:
    """Say who would answer PROMPT, and what each stage of the router says of it.

    A server that runs is asked. No model answers; a judge, where the router has one, is asked for its opinion. Nothing
    is remembered, counted or written down.
    """
    messages = _messages(prompt, file)
    explained = None
    if not offline:
        try:
            with Api(os.environ) as api:
                explained = api.explain(ExplainRequest(model, messages), force)
        except ServerUnreachable as error:
            click.echo(f"note: {error.message}. Until then, this is by what needs no server:", err=True)
    if explained is None:
        explained = explain_offline(model, messages, force, config_file)
    click.echo(msgspec.json.encode(explained) if as_json else explanation_text(explained))


def explain_offline(
    model: str, messages: Sequence[WireMessage], force: Side | None, config_file: str | None
) -> ExplainResponse:
    """What a router's rules and a scorer say that asks no model; what its models can do is taken to be everything.

    Raises ConfigError and InvalidRequest.
    """
    name, _, ending = model.strip().lower().rpartition(":")
    side = side_of(ending) if name else None
    name = name if side else model.strip()
    known = {each.lower(): settings for each, settings in route_flags.known_routers(config_file, os.environ).items()}
    settings = known.get(name.lower()) or RouterSettings("its local model", "its remote model", name=name)
    router = Router(
        settings, _own_scorer(settings), tuning=load_tuning(tuning_file(data_dir(os.environ), settings.name))
    )
    states = {each: SideState(SideFacts(frozenset(ABILITIES))) for each in SIDES}
    subject = subject_of(TextRequest(ChatPrompt(tuple(map(turn_of, messages)))))
    return to_response(model, asyncio.run(router.explain(subject, Wish(force or side), states)))


def _own_scorer(settings: RouterSettings) -> Scorer:
    """Whoever scores without asking a model."""
    if settings.scorer == "fitted" and settings.weights is not None:
        return FallbackScorer(FittedScorer(load_fitted(settings.weights)), LinearScorer())
    return LinearScorer()


def explanation_text(explained: ExplainResponse) -> str:
    """The stages as a table, the one that is heard marked, and what they come to."""
    rows = [("", "STAGE", "SIDE", "SAYS"), *map(_row, explained.stages)]
    return f"{aligned(rows)}\n\n{_decision_text(explained)}"


def _row(stage: ExplainStage) -> tuple[str, str, str, str]:
    return ("*" if stage.decides else "", stage.stage, stage.side or "", stage.said or "-")


def _decision_text(explained: ExplainResponse) -> str:
    decision = explained.decision
    words = f"{_WORDS[decision.side]} would answer: {decision.model} (reason: {decision.reason})"
    if decision.chosen:
        words += f"; but for the shadow, {_WORDS[decision.chosen]} would"
    return f"{words}; nobody else, whatever fails" if explained.private else words


def _messages(prompt: str, file: Path | None) -> list[WireMessage]:
    earlier = _read_messages(file) if file else []
    if not (prompt or earlier):
        raise InvalidRequest('what shall be explained? Give a prompt, as in: arriero route explain "Hello!"')
    return [*earlier, WireMessage("user", prompt)] if prompt else earlier


def _read_messages(path: Path) -> list[WireMessage]:
    """Messages by themselves, or in a request. Raises ConfigError."""
    content = path.read_bytes()
    try:
        if content.lstrip().startswith(b"{"):
            return msgspec.json.decode(content, type=_Body).messages
        return msgspec.json.decode(content, type=list[WireMessage])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        form = '[{"role": "user", "content": "Hello!"}, …]'
        raise ConfigError(f"{path} has no messages: {error}; write {form}") from error
