"""What the user has set, from environment and flags, as one frozen value."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from arriero.errors import ConfigError, InvalidRequest
from arriero.types.durations import parse_duration
from arriero.types.sizes import parse_size

OLLAMA_PORT = 11434
SGLANG_PORT = 30000
KV_CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
_MAX_QUEUE = 512
_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one server.

    host, port: where it listens. api_key: what requests must bring, if anything. origins: of pages in a browser that
    may use it, beside this machine's own. keep_alive_s: how long an idle model stays, ``inf`` for ever.
    load_timeout_s: how long a load may go without progress, 0 for ever. context: tokens of each slot; slots: answers
    at once: None leaves either to the model and the memory there is. max_queue: requests that may wait, in all.
    max_loaded_models: None: three a GPU, and three without one. memory_bytes: for all models; None: what the machine
    has. gpu_overhead_bytes: of it to leave free. kv_cache_type: how keys and values are stored. flash_attention: None
    leaves it to the engine. is_pruning: blobs that no model has are deleted. llama_server: a binary to run instead of
    the wheel. chat_template: Jinja text or the name of one that llama.cpp knows. notes: sentences on what was set and
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
    max_queue: int = _MAX_QUEUE
    max_loaded_models: int | None = None
    memory_bytes: int | None = None
    gpu_overhead_bytes: int = 0
    kv_cache_type: str = "f16"
    flash_attention: bool | None = None
    is_pruning: bool = True
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
        max_queue=variables.positive("OLLAMA_MAX_QUEUE") or _MAX_QUEUE,
        max_loaded_models=variables.positive("OLLAMA_MAX_LOADED_MODELS"),
        memory_bytes=variables.size_bytes("ARRIERO_MEMORY"),
        gpu_overhead_bytes=variables.size_bytes("OLLAMA_GPU_OVERHEAD") or 0,
        kv_cache_type=variables.choice("OLLAMA_KV_CACHE_TYPE", KV_CACHE_TYPES, "f16"),
        flash_attention=variables.truth("OLLAMA_FLASH_ATTENTION"),
        is_pruning=not variables.is_true("OLLAMA_NOPRUNE"),
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


def is_true(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable says yes, as Ollama reads it: whatever is no word for no."""
    return variable(environ, name) not in {"", "0", "f", "F", "FALSE", "false", "False"}


def variable(environ: Mapping[str, str], name: str) -> str:
    """The text of a variable, without the blanks and quotes around it; "" where it is not set."""
    return environ.get(name, "").strip().strip("\"'").strip()


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

    def size_bytes(self, name: str) -> int | None:
        text = self._text(name)
        if not text:
            return None
        try:
            return parse_size(text) or None
        except ValueError:
            self._note(name, text)
            return None

    def choice(self, name: str, known: Sequence[str], default: str) -> str:
        text = self._text(name).lower()
        if text and text not in known:
            self._note(name, text)
        return text if text in known else default

    def truth(self, name: str) -> bool | None:
        return self.is_true(name) if self._text(name) else None

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self._text(name).split(",") if word.strip())

    def is_true(self, name: str) -> bool:
        return is_true(self._environ, name)

    def _text(self, name: str) -> str:
        return variable(self._environ, name)

    def _note(self, name: str, text: str) -> None:
        self.notes.append(f"{name}={text} cannot be read, and counts as not set")
