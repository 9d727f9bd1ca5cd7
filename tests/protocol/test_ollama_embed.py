import pytest
from msgspec import UNSET, UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol.ollama import Loose
from arriero.protocol.ollama_embed import InputLimit, input_limit, read_inputs

FIRST, LAST = 101, 102
WORDS = [7, 8, 9]


@pytest.mark.parametrize(
    ("value", "texts"), [("a", ["a"]), (["a", ""], ["a", ""]), ([""], [""]), ("", []), ([], []), (UNSET, [])]
)
def test_inputs_are_texts(value: Loose | UnsetType, texts: list[str]) -> None:
    assert read_inputs(value) == texts


@pytest.mark.parametrize("value", [5, 1.5, True, False, {}, {"a": "b"}, ["a", 1], [None], [["a"]]])
def test_anything_else_is_no_input(value: Loose) -> None:
    with pytest.raises(InvalidRequest, match="invalid input type"):
        read_inputs(value)


@pytest.mark.parametrize(("num_ctx", "tokens"), [(None, 512), (10, 10), (512, 512), (4096, 512), (1, 1)])
def test_the_smaller_of_what_is_asked_for_and_what_there_is_counts(num_ctx: int | None, tokens: int) -> None:
    assert input_limit(num_ctx, 512, truncate=True) == InputLimit(tokens)


@pytest.mark.parametrize("num_ctx", [0, -1])
def test_no_context_at_all_is_ollamas_least_and_is_not_cut_to(num_ctx: int) -> None:
    assert input_limit(num_ctx, 512, truncate=True) == InputLimit(
        4, "input exceeds maximum context length and cannot be truncated further"
    )


@pytest.mark.parametrize("num_ctx", [None, 0, 10])
def test_who_wants_nothing_cut_is_told(num_ctx: int | None) -> None:
    limit = input_limit(num_ctx, 512, truncate=False)
    with pytest.raises(InvalidRequest, match="the input length exceeds the context length"):
        limit.cut([*range(600)], [])


@pytest.mark.parametrize(
    ("specials", "tokens", "cut"),
    [
        ([], WORDS, [7, 8]),
        ([FIRST], [FIRST, *WORDS], [FIRST, 7]),
        ([LAST], [*WORDS, LAST], [7, LAST]),
    ],
)
def test_what_stands_around_a_text_stays(specials: list[int], tokens: list[int], cut: list[int]) -> None:
    assert InputLimit(2).cut(tokens, specials) == cut


def test_both_ends_stay() -> None:
    assert InputLimit(3).cut([FIRST, *WORDS, LAST], [FIRST, LAST]) == [FIRST, 7, LAST]


@pytest.mark.parametrize("tokens", [1, 2])
def test_a_text_of_which_nothing_would_be_left_is_refused(tokens: int) -> None:
    with pytest.raises(InvalidRequest, match="input after truncation exceeds maximum context length"):
        InputLimit(tokens).cut([FIRST, *WORDS, LAST], [FIRST, LAST])


@pytest.mark.parametrize(("text", "is_held"), [("a" * 8, True), ("a" * 9, False), ("ä" * 4, True), ("ä" * 5, False)])
def test_a_token_is_a_byte_at_least(text: str, is_held: bool) -> None:
    assert InputLimit(10).surely_holds(text) == is_held
