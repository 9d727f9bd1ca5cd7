"""What a session asks of the server."""

from collections.abc import Generator
from contextlib import closing
from typing import Any

from arriero.cli.answers import Piece
from arriero.cli.api import Api
from arriero.cli.progress import waiting
from arriero.cli.session import ChatTurn, Session
from arriero.cli.show_answer import Shown
from arriero.errors import InvalidRequest


def about(session: Session, model: str, shown: Shown) -> Session:
    """The session as one with this model, which the server has shown."""
    brought = [ChatTurn(turn.role, turn.content) for turn in shown.messages]
    return session.moved_to(model, brought, thinks=shown.thinks, takes_files=shown.takes_files)


def load(api: Api, session: Session) -> None:
    """Have the model loaded, while the user sees that something happens."""
    with waiting(f"loading {session.model}"):
        api.call(lambda client: client.generate(session.model, options=session.options, keep_alive=session.keep_alive))


def chat(api: Api, session: Session, question: ChatTurn) -> Generator[Piece]:
    """Ask with all that was said before. Closing the generator stops the answer."""
    settings = _settings(session)
    messages = session.messages(question)
    with closing(
        api.stream(lambda client: client.chat(session.model, messages=messages, stream=True, **settings))
    ) as answer:
        for part in answer:
            message = part.message
            calls = [_call_text(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
            text = (message.content or "") + "".join(calls)
            yield Piece(text, message.thinking or "", part if part.done else None)


def complete(api: Api, session: Session, question: ChatTurn) -> Generator[Piece]:
    """Ask one thing. Closing the generator stops the answer."""
    settings = {**_settings(session), "system": session.system, "images": list(question.images) or None}
    with closing(
        api.stream(lambda client: client.generate(session.model, question.content, stream=True, **settings))
    ) as answer:
        for part in answer:
            yield Piece(part.response or "", part.thinking or "", part if part.done else None)


def embed(api: Api, session: Session, text: str, dimensions: int | None) -> list[float]:
    """The embedding of a text. Raises InvalidRequest where there is no text."""
    if not text:
        raise InvalidRequest(
            f'embedding models require input text; give it: arriero run {session.model} "your text here"'
        )
    answer = api.call(
        lambda client: client.embed(
            session.model, input=text, dimensions=dimensions, keep_alive=session.keep_alive, options=session.options
        )
    )
    return list(answer.embeddings[0])


# As the library's methods take them.
def _settings(session: Session) -> dict[str, Any]:
    return {
        "options": session.options,
        "format": session.format,
        "think": session.think,
        "keep_alive": session.keep_alive,
    }


def _call_text(name: str, arguments: object) -> str:
    return f"Model called a non-existent function '{name}()' with arguments: {arguments}\n"
