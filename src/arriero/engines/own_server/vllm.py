"""vLLM's flags, made of this server's own."""

from arriero.engines.own_server.flags import OwnServerSettings, flag_words
from arriero.engines.own_server.profiles import Parsers

# Where white space is free, a small model may write nothing else in the middle of JSON, to the end of the context.
_COMPACT_JSON = '{"backend":"xgrammar","disable_any_whitespace":true}'
_AUTO_TOOLS = ("--enable-auto-tool-choice", "--no-enable-auto-tool-choice")


def command(reference: str, settings: OwnServerSettings, parsers: Parsers, port: int) -> list[str]:
    """The words that start it, after the interpreter. Its key is in its environment: see ``variables``."""
    passed = settings.passed
    flags = {
        "--model": reference,
        "--served-model-name": settings.served_name,
        "--host": "127.0.0.1",
        "--port": port,
        "--max-model-len": settings.context,
        "--max-num-seqs": settings.slots,
        "--chat-template": settings.chat_template,
        "--seed": settings.seed,
        # At "info", it would tell of each request, and so would we.
        "--uvicorn-log-level": None if passed.has("--uvicorn-log-level") else "warning",
        "--structured-outputs-config": None if passed.has("--structured-outputs-config") else _COMPACT_JSON,
        "--reasoning-parser": None if passed.has("--reasoning-parser") else parsers.reasoning,
        "--tool-call-parser": None if passed.has("--tool-call-parser") else parsers.tools,
    }
    has_tools = parsers.tools is not None or passed.has("--tool-call-parser")
    switches = [_AUTO_TOOLS[0]] if has_tools and not passed.has(*_AUTO_TOOLS) else []
    return ["-m", "vllm.entrypoints.openai.api_server", *flag_words(flags), *switches, *passed.arguments]


def variables(settings: OwnServerSettings, api_key: str) -> dict[str, str]:
    """What it is told in its environment, where no list of processes shows it."""
    return {"VLLM_API_KEY": api_key, "VLLM_LOGGING_LEVEL": settings.log_level.upper()}
