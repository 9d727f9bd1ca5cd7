import click
import pytest

from arriero.cli.passed_flags import refuse_flags, split_flags
from arriero.engines.own_server.flags import PassedFlags
from arriero.launch_server import launch_server

OURS = {"--model": True, "--names": True, "-h": False, "--quiet": False}


@pytest.mark.parametrize(
    ("given", "kept", "passed"),
    [
        ("", "", ""),
        ("--model m", "--model m", ""),
        ("--tp 2 --model m", "--model m", "--tp 2"),
        ("--model m --tp 2 --enable-metrics -q x", "--model m", "--tp 2 --enable-metrics -q x"),
        ("--foo=bar --model=m --foo=baz", "--model=m", "--foo=bar --foo=baz"),
        ("--lora a b c --model m", "--model m", "--lora a b c"),
        ("--bias -1 --temperature -0.5", "", "--bias -1 --temperature -0.5"),
        ("--names a b --tp 2", "--names a b", "--tp 2"),
        ("-h --tp 2", "-h", "--tp 2"),
        ("-tp 2 -O3", "", "-tp 2 -O3"),
        ("--quiet junk", "--quiet junk", ""),
        ("--model --tp", "--model --tp", ""),
        ("--model m -- --model theirs x", "--model m", "--model theirs x"),
    ],
)
def test_flags_that_are_not_ours_are_passed_in_order_with_their_values(given: str, kept: str, passed: str) -> None:
    assert split_flags(given.split(), OURS) == (kept.split(), PassedFlags(tuple(passed.split())))


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--hots", "No such option '--hots'. (Did you mean one of: '--host', '--port'?)"),
        ("--tp", "No such option: --tp. SGLang or vLLM may know it, but none is: "),
        ("--mem-fraction-static=0.8", "No such option: --mem-fraction-static. SGLang or vLLM may know it"),
    ],
)
def test_the_embedded_engine_refuses_flags_that_it_does_not_know(flag: str, told: str) -> None:
    ctx = click.Context(launch_server)
    with pytest.raises(click.NoSuchOption) as caught:
        refuse_flags(PassedFlags((flag, "2")), ctx, "none is")
    assert caught.value.format_message().startswith(told)


def test_no_flags_are_no_reason_to_refuse() -> None:
    refuse_flags(PassedFlags(), click.Context(launch_server), "")
