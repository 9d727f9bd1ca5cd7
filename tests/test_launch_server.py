import pytest

from arriero.engines.own_server.flags import PassedFlags
from arriero.launch_server import launch_server, spread

FLAG = "--names"


@pytest.mark.parametrize(
    ("arguments", "spreaded"),
    [
        ([], []),
        (["--model", "m"], ["--model", "m"]),
        ([FLAG, "a"], [FLAG, "a"]),
        ([FLAG, "a", "b", "c"], [FLAG, "a", FLAG, "b", FLAG, "c"]),
        ([FLAG, "a", "b", "--port", "1"], [FLAG, "a", FLAG, "b", "--port", "1"]),
        (["--port", "1", FLAG, "a", "b"], ["--port", "1", FLAG, "a", FLAG, "b"]),
        ([FLAG, "a", FLAG, "b"], [FLAG, "a", FLAG, "b"]),
        ([FLAG], [FLAG]),
        ([FLAG, "a", "-h"], [FLAG, "a", "-h"]),
        ([f"{FLAG}=a", "b"], [f"{FLAG}=a", FLAG, "b"]),
    ],
)
def test_a_flag_takes_several_values(arguments: list[str], spreaded: list[str]) -> None:
    assert spread(arguments, FLAG) == spreaded


def test_flags_that_are_not_ours_are_kept_for_an_engine() -> None:
    given = ["--tp", "2", "--served-model-name", "a", "b", "--foo=bar", "--port", "1", "--", "--port", "2"]
    ctx = launch_server.make_context("launch_server", given)
    assert ctx.obj == PassedFlags(("--tp", "2", "--foo=bar", "--port", "2"))
    assert (ctx.params["names"], ctx.params["port"]) == (("a", "b"), 1)
