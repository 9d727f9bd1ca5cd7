"""Models from and to registries: ``/api/pull`` and ``/api/push``."""

from functools import partial

from arriero.errors import CloudDisabled, InvalidRequest
from arriero.protocol import ollama_transfer as wire
from arriero.protocol.go_json import decode_body
from arriero.server.exchange import Exchange
from arriero.server.progress_lines import send_progress
from arriero.server.services import Services
from arriero.types.names import parse_name, split_source


class OllamaTransfer:
    """Handlers that bring models here or take them away."""

    def __init__(self, services: Services) -> None:
        self._library = services.library
        self._pulls = services.pulls
        self._pusher = services.pusher

    async def pull(self, exchange: Exchange) -> None:
        """``POST /api/pull``."""
        body = decode_body(await exchange.body(), wire.PullRequest)
        name, source = split_source(body.model or body.name)
        if source == "cloud":
            raise CloudDisabled("ollama cloud is disabled: remote model is unavailable")
        parse_name(name)  # what is none is told before the stream begins
        self._library.check_own(name)
        work = partial(self._pulls.pull, name, insecure=body.insecure)
        await send_progress(exchange, work, is_stream=body.stream)

    async def push(self, exchange: Exchange) -> None:
        """``POST /api/push``. A name that is none, or of no model, is told in the stream, as Ollama does."""
        body = decode_body(await exchange.body(), wire.PushRequest)
        name = (body.model or body.name).strip()
        if not name:
            raise InvalidRequest("model is required")
        work = partial(self._pusher.push, name, insecure=body.insecure)
        await send_progress(exchange, work, is_stream=body.stream)
