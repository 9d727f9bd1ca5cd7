"""Everything that can go wrong, as one tree.

    ArrieroError
    ├── InvalidRequest          400  the request itself is wrong
    │   └── ImageRefused        400  a picture in it cannot be looked at
    ├── Unauthorized            401  no key, or a wrong one
    ├── CloudDisabled           403  a cloud model was asked for
    ├── StoreReadOnly           403  the model lies where nothing may be changed
    ├── ModelNotFound           404
    ├── BodyTooLarge            413
    ├── EngineFailed            500  the engine answered with an error of its own
    │   ├── EngineDied          500  its process or connection ended in mid-answer
    │   │   └── EngineUnreachable    it never got the request: asking again is safe
    │   ├── LoadFailed          500  it could not be started with this model
    │   └── PromptTooLong       400  the prompt does not fit into the context
    ├── UpstreamsDown           503  none of the servers that have the model can be reached
    ├── ServerBusy              503  the queue is full, or the server is stopping
    ├── SourceFailed            502  a model could not be fetched
    ├── ConfigError                  a flag or variable makes no sense (never over HTTP)
    ├── ServerUnreachable            a command found no server (never over HTTP)
    └── ServerRefused                a server answered a command with an error (never over HTTP)

A message is written for the user and says what to do next. The status is the HTTP status in every dialect;
``server/errors.py`` makes the body.
"""

from typing import Final

_NO_ROUTE = frozenset({404, 405, 501})


class ArrieroError(Exception):
    """The root. ``status`` is the HTTP status that tells this error."""

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(ArrieroError):
    """The request is wrong: sending it again will not help."""

    status = 400


class ImageRefused(InvalidRequest):
    """A picture that the model cannot look at: without it, the request may be sent again."""


class Unauthorized(ArrieroError):
    """The API key is missing or wrong."""

    status = 401


class CloudDisabled(ArrieroError):
    """A name ends in ``:cloud``, and this server forwards nothing to Ollama's cloud."""

    status = 403


class StoreReadOnly(ArrieroError):
    """A change was asked for in a store that this server only reads."""

    status = 403


class BodyTooLarge(ArrieroError):
    """The request is larger than this server reads."""

    status = 413


class ModelNotFound(ArrieroError):
    """No model goes by this name."""

    status = 404


class EngineFailed(ArrieroError):
    """The engine refused or failed; ``status`` is the engine's own where it gave one."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status

    @property
    def has_no_route(self) -> bool:
        """Whether this is how a server says that it has no such route, or that it has none for this model."""
        return self.status in _NO_ROUTE


class EngineDied(EngineFailed):
    """The engine went away while it was answering."""


class EngineUnreachable(EngineDied):
    """No connection to the engine could be made, so it has not seen the request."""


class LoadFailed(EngineFailed):
    """The engine could not be started with this model."""


class PromptTooLong(EngineFailed):
    """The prompt has more tokens (``prompt_tokens``) than there is room for (``num_ctx``).

    hint: what to do about it.
    """

    hint: Final = "send less, or ask for a larger num_ctx, if the model was made for more"

    def __init__(self, prompt_tokens: int, num_ctx: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens, which exceeds the context of {num_ctx} tokens: {self.hint}",
            400,
        )
        self.prompt_tokens = prompt_tokens
        self.num_ctx = num_ctx


class ServerBusy(ArrieroError):
    """Too many requests are waiting, or the server is going down."""

    status = 503


class UpstreamsDown(ArrieroError):
    """None of the servers that run elsewhere and have the model can answer now."""

    status = 503


class SourceFailed(ArrieroError):
    """A model could not be fetched from where it should come from."""

    status = 502


class ConfigError(ArrieroError):
    """A flag, an environment variable or a file given at start makes no sense."""


class ServerUnreachable(ArrieroError):
    """A command could not reach a server, or lost it in mid-answer."""


class ServerRefused(ArrieroError):
    """A server answered a command with an error; ``status`` is the server's, 200 where the error came in a stream."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
