import pytest

from arriero.launch_server import spread

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
