"""SGLang's flags, made of this server's own."""

from arriero.engines.own_server.flags import OwnServerSettings, flag_words
from arriero.engines.own_server.profiles import Parsers

# Its backends for constrained output that can do without white space.
_COMPACT_BACKENDS = {"", "xgrammar", "llguidance"}


def command(reference: str, settings: OwnServerSettings, parsers: Parsers, port: int) -> list[str]:
    """The words that start it, after the interpreter.

    It gets no key: it takes one only as a flag, which every user of the machine could read in the list of processes,
    and which it would log. So it listens on the loopback interface alone.
    """
    passed = settings.passed
    flags = {
        "--model-path": reference,
        "--served-model-name": settings.served_name,
        "--host": "127.0.0.1",
        "--port": port,
        "--context-length": settings.context,
        "--max-running-requests": settings.slots,
        "--chat-template": settings.chat_template,
        "--random-seed": settings.seed,
        "--log-level": settings.log_level,
        # At "info", it would tell of each request, and so would we.
        "--log-level-http": None if passed.has("--log-level-http") else "warning",
        "--reasoning-parser": None if passed.has("--reasoning-parser") else parsers.reasoning,
        "--tool-call-parser": None if passed.has("--tool-call-parser") else parsers.tools,
    }
    return ["-m", "sglang.launch_server", *flag_words(flags), *_switches(settings), *passed.arguments]


def _switches(settings: OwnServerSettings) -> list[str]:
    passed = settings.passed
    switches = []
    # Where white space is free, a small model may write nothing else in the middle of JSON, to the end of the context.
    if passed.value("--grammar-backend") in _COMPACT_BACKENDS:
        switches.append("--constrained-json-disable-any-whitespace")
    # Without it, an idle scheduler keeps a core busy: on a machine without a GPU, that is one of those that compute.
    if passed.value("--device") == "cpu":
        switches.append("--sleep-on-idle")
    return [switch for switch in switches if not passed.has(switch)]
