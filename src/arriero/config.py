"""What the user has set, from environment and flags, as one frozen value."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from arriero.errors import ConfigError, InvalidRequest
from arriero.types.durations import parse_duration

OLLAMA_PORT = 11434
SGLANG_PORT = 30000
_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one server.

    host, port: where it listens. api_key: what requests must bring, if anything. origins: of pages in a browser that
    may use it, beside this machine's own. keep_alive_s: how long an idle model stays, ``inf`` for ever.
    load_timeout_s: how long a load may go without progress, 0 for ever. context: tokens of each slot; slots: answers
    at once: None leaves either to the model and the memory there is. llama_server: a binary to run instead of the
    wheel. chat_template: Jinja text or the name of one that llama.cpp knows. notes: sentences on what was set and
    could not be read.
    """

    host: str = "127.0.0.1"
    port: int = OLLAMA_PORT
    api_key: str | None = None
    origins: tuple[str, ...] = ()
    keep_alive_s: float = 300.0
    load_timeout_s: float = 300.0
    context: int | None = None
    slots: int | None = None
    llama_server: str | None = None
    chat_template: str | None = None
    random_seed: int | None = None
    log_level: str = "info"
    notes: tuple[str, ...] = ()


def config_from(environ: Mapping[str, str]) -> Config:
    """Read the variables that Ollama's server reads. Raises ConfigError for an address that makes no sense.

    Other values that cannot be read count as not set, as they do for Ollama, and are noted.
    """
    variables = _Variables(environ)
    host, port = variables.address("OLLAMA_HOST")
    keep_alive_s = variables.duration_s("OLLAMA_KEEP_ALIVE", 300.0)
    return Config(
        host=host,
        port=port,
        origins=variables.words("OLLAMA_ORIGINS"),
        keep_alive_s=keep_alive_s if keep_alive_s >= 0 else float("inf"),
        load_timeout_s=max(0.0, variables.duration_s("OLLAMA_LOAD_TIMEOUT", 300.0)),
        context=variables.positive("OLLAMA_CONTEXT_LENGTH"),
        slots=variables.positive("OLLAMA_NUM_PARALLEL"),
        log_level="debug" if variables.is_true("OLLAMA_DEBUG") else "info",
        notes=tuple(variables.notes),
    )


def _split_address(text: str) -> tuple[str, str, int]:
    """Host, port as written ("" for none), and the port to take then, of ``[scheme://][host][:port][/path]``."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    elif scheme not in _SCHEME_PORTS:
        raise ConfigError(f"OLLAMA_HOST: cannot read {text!r}: give HOST:PORT, as in 127.0.0.1:{OLLAMA_PORT}")
    default = _SCHEME_PORTS.get(scheme, OLLAMA_PORT)
    rest = rest.partition("/")[0]
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        return host, tail.removeprefix(":"), default
    if rest.count(":") > 1:
        return rest, "", default
    host, _, tail = rest.partition(":")
    # An address without a host stands for all interfaces, no address for this machine alone.
    return host or ("0.0.0.0" if rest else "127.0.0.1"), tail, default


class _Variables:
    """Reads variables as Ollama does, and notes what cannot be read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.notes: list[str] = []

    def address(self, name: str) -> tuple[str, int]:
        host, port, default = _split_address(self._text(name))
        if port.isdecimal() and int(port) < 65536:
            return host, int(port)
        if port:
            self.notes.append(f"{name}: {port!r} is no port; listening on {default}")
        return host, default

    def duration_s(self, name: str, default: float) -> float:
        text = self._text(name)
        if not text:
            return default
        with suppress(ValueError):
            return float(int(text))
        try:
            return parse_duration(text) / 1e9
        except InvalidRequest:
            self._note(name, text)
            return default

    def positive(self, name: str) -> int | None:
        text = self._text(name)
        if text.isdecimal():
            return int(text) or None
        if text:
            self._note(name, text)
        return None

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self._text(name).split(",") if word.strip())

    def is_true(self, name: str) -> bool:
        text = self._text(name)
        return bool(text) and text not in {"0", "f", "F", "FALSE", "false", "False"}

    def _text(self, name: str) -> str:
        return self._environ.get(name, "").strip().strip("\"'").strip()

    def _note(self, name: str, text: str) -> None:
        self.notes.append(f"{name}={text} cannot be read, and counts as not set")
