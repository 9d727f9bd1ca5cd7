"""What the user has set, from environment and flags, as one frozen value."""

from collections.abc import Mapping
from dataclasses import dataclass

from arriero.errors import ConfigError, InvalidRequest
from arriero.types.durations import parse_duration

OLLAMA_PORT = 11434
SGLANG_PORT = 30000
_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one server.

    host, port: where it listens. api_key: what requests must bring, if anything. keep_alive_s: how long an idle model
    stays, ``inf`` for ever. load_timeout_s: how long a load may go without progress, 0 for ever. context: tokens of
    each slot; slots: answers at once: None leaves either to the model and the memory there is. llama_server: a binary
    to run instead of the wheel. chat_template: Jinja text or the name of one that llama.cpp knows.
    """

    host: str = "127.0.0.1"
    port: int = OLLAMA_PORT
    api_key: str | None = None
    keep_alive_s: float = 300.0
    load_timeout_s: float = 300.0
    context: int | None = None
    slots: int | None = None
    llama_server: str | None = None
    chat_template: str | None = None
    random_seed: int | None = None
    log_level: str = "info"


def config_from(environ: Mapping[str, str]) -> Config:
    """Read the variables that Ollama's server reads. Raises ConfigError for an address that makes no sense.

    Other values that cannot be read count as not set, as they do for Ollama.
    """
    host, port = parse_address(_variable(environ, "OLLAMA_HOST"))
    keep_alive_s = _duration_s(_variable(environ, "OLLAMA_KEEP_ALIVE"), 300.0)
    load_timeout_s = _duration_s(_variable(environ, "OLLAMA_LOAD_TIMEOUT"), 300.0)
    return Config(
        host=host,
        port=port,
        keep_alive_s=keep_alive_s if keep_alive_s >= 0 else float("inf"),
        load_timeout_s=max(0.0, load_timeout_s),
        context=_positive(_variable(environ, "OLLAMA_CONTEXT_LENGTH")),
        slots=_positive(_variable(environ, "OLLAMA_NUM_PARALLEL")),
        log_level="debug" if _is_true(_variable(environ, "OLLAMA_DEBUG")) else "info",
    )


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``[scheme://][host][:port][/path]``; an empty host stands for all interfaces."""
    if not text:
        return "127.0.0.1", OLLAMA_PORT
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    elif scheme not in _SCHEME_PORTS:
        raise ConfigError(f"OLLAMA_HOST: cannot read {text!r}: give HOST:PORT, as in 127.0.0.1:{OLLAMA_PORT}")
    default = _SCHEME_PORTS.get(scheme, OLLAMA_PORT)
    rest = rest.partition("/")[0]
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        return host, _port(tail.removeprefix(":"), default)
    if rest.count(":") > 1:
        return rest, default
    host, _, tail = rest.partition(":")
    return host or ("0.0.0.0" if rest else "127.0.0.1"), _port(tail, default)


def _port(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and int(text) < 65536 else default


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().strip("\"'").strip()


def _duration_s(text: str, default: float) -> float:
    if not text:
        return default
    try:
        return float(int(text))
    except ValueError:
        pass
    try:
        return parse_duration(text) / 1e9
    except InvalidRequest:
        return default


def _positive(text: str) -> int | None:
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _is_true(text: str) -> bool:
    return bool(text) and text not in {"0", "f", "F", "FALSE", "false", "False"}
