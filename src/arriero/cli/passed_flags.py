"""Flags that are an engine's, told apart from our own."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import click

from arriero.engines.own_server.flags import PassedFlags

_NUMBER = re.compile(r"-\d+(\.\d+)?")
# What people who know SGLang or vLLM write, and we do not know.
_OF_ENGINES = re.compile(
    r"-(tp|dp|pp|ep)$|--(tp|dp|pp|ep|tensor|data|pipeline|expert|mem-fraction|gpu-memory|quantization|kv-cache|dtype|"
    r"trust-remote|load-format|download-dir|revision|max-model-len|max-num|max-total-tokens|chunked-prefill|"
    r"schedule|attention|sampling-backend|grammar|tool-call|reasoning|enable-|disable-|no-enable|speculative|lora|"
    r"nnodes|node-rank|dist-|device|cuda-graph|enforce-eager|swap|seed|json-model|hf-|tokenizer|served-|is-embedding)"
)


def split_flags(arguments: Sequence[str], ours: Mapping[str, bool]) -> tuple[list[str], PassedFlags]:
    """Our own words of a command line, and those for an engine: each flag that is not ours, and the values behind it.

    ours: our flags, and whether they take a value. What follows ``--`` is the engine's, also where we have a flag of
    that name. A word that belongs to no flag stays with us, to be refused.
    """
    kept: list[str] = []
    passed: list[str] = []
    words = list(arguments)
    is_passing = False
    while words:
        word = words.pop(0)
        if word == "--":
            return kept, PassedFlags((*passed, *words))
        if word.startswith("-") and word != "-" and not _NUMBER.fullmatch(word):
            name, separator, _ = word.partition("=")
            is_passing = name not in ours
            if not is_passing:
                kept.append(word)
                kept += words[:1] if ours[name] and not separator else []
                words = words[1:] if ours[name] and not separator else words
                continue
        (passed if is_passing else kept).append(word)
    return kept, PassedFlags(tuple(passed))


def flags_with_values(command: click.Command, ctx: click.Context) -> dict[str, bool]:
    """The flags of a command, and whether they take a value."""
    return {
        flag: not getattr(parameter, "is_flag", False) and not getattr(parameter, "count", False)
        for parameter in command.get_params(ctx)
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }


def refuse_flags(passed: PassedFlags, ctx: click.Context, reason: str) -> None:
    """End the command with click's own error where flags were given that only an engine could know.

    reason: why none is asked, as a clause.
    """
    if not passed.arguments:
        return
    name = passed.arguments[0].partition("=")[0]
    if _OF_ENGINES.match(name.replace("_", "-")):
        raise click.NoSuchOption(
            name,
            f"No such option: {name}. SGLang or vLLM may know it, but {reason}: try --engine sglang or --engine vllm",
            ctx=ctx,
        )
    raise click.NoSuchOption(name, possibilities=get_close_matches(name, flags_with_values(ctx.command, ctx)), ctx=ctx)
