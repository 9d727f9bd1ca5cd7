"""Models that are made, copied and deleted: ``/api/create``, ``/api/copy``, ``/api/delete``."""

from collections.abc import Iterator
from contextlib import contextmanager

from arriero.errors import ArrieroError, InvalidRequest
from arriero.protocol import ollama_create as wire
from arriero.protocol.go_json import decode_body
from arriero.server.exchange import Exchange
from arriero.server.progress_lines import send_progress
from arriero.server.services import Services
from arriero.store.progress import ProgressCallback
from arriero.store.recipe import read_recipe
from arriero.store.threads import run_reporting, run_to_end
from arriero.types.names import parse_target


class OllamaCreate:
    """Handlers that change which models there are."""

    def __init__(self, services: Services) -> None:
        self._editor, self._pulls = services.editor, services.pulls

    async def create(self, exchange: Exchange) -> None:
        """``POST /api/create``: a base that is not here is pulled first."""
        body = decode_body(await exchange.body(), wire.CreateRequest)
        recipe = read_recipe(body)

        async def work(progress: ProgressCallback) -> None:
            if recipe.base and not await run_to_end(self._editor.has, recipe.base):
                await self._pulls.pull(recipe.base, progress)
            with store_errors():
                await run_reporting(lambda report: self._editor.create(recipe, report), progress)

        await send_progress(exchange, work, is_stream=body.stream)

    async def copy(self, exchange: Exchange) -> None:
        """``POST /api/copy``."""
        body = decode_body(await exchange.body(), wire.CopyRequest)
        with _told_as(f'source "{body.source}" is invalid'):
            self._editor.check_name(body.source)
        with _told_as(f'destination "{body.destination}" is invalid'):
            target = parse_target(body.destination)
        with store_errors():
            await run_to_end(self._editor.copy, body.source, target)
        await exchange.reply_empty(200)

    async def delete(self, exchange: Exchange) -> None:
        """``DELETE /api/delete``."""
        body = decode_body(await exchange.body(), wire.DeleteRequest)
        raw = body.model or body.name
        if not raw.strip():
            raise InvalidRequest("model is required")
        with _told_as(f'name "{raw}" is invalid'):
            self._editor.check_name(raw)
        with store_errors():
            await run_to_end(self._editor.delete, raw)
        await exchange.reply_empty(200)


@contextmanager
def store_errors() -> Iterator[None]:
    """Tell what the disk says."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise ArrieroError(f"the store cannot be changed ({why}): make room, or see who may write there") from error


@contextmanager
def _told_as(message: str) -> Iterator[None]:
    try:
        yield
    except InvalidRequest as error:
        raise InvalidRequest(message) from error
