"""``/v1/audio/transcriptions``: read as Ollama reads it, and refused."""

from arriero.errors import InvalidRequest
from arriero.protocol.multipart import read_form
from arriero.server.exchange import Exchange
from arriero.server.services import Services


class OpenAIAudio:
    """The handler of the endpoint for speech."""

    def __init__(self, services: Services) -> None:
        self._library = services.library

    async def transcriptions(self, exchange: Exchange) -> None:
        """``POST /v1/audio/transcriptions``: no model of this server's hears. What else is wrong is told first."""
        form = read_form(exchange.content_type, await exchange.body())
        model = form.get("model", b"").decode("utf-8", "replace").strip()
        if not model:
            raise InvalidRequest("model is required")
        if "file" not in form:
            raise InvalidRequest("file is required: http: no such file")
        if not form["file"]:
            raise InvalidRequest("audio file is empty")
        self._library.find(model)
        raise InvalidRequest(f'"{model}" does not support transcription: this server makes no text of sound')
