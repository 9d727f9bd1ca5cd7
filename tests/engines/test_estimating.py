import pytest

from arriero.engines.openai.estimating import Estimate
from arriero.errors import PromptTooLong
from arriero.types.chat import ChatPrompt, Message, TextPrompt

TEXT = TextPrompt("x" * 1000)


@pytest.mark.parametrize("tokens", [100, 250, 900])
def test_what_a_server_has_counted_is_believed(tokens: int) -> None:
    estimate = Estimate()
    estimate.learn(TEXT, PromptTooLong(tokens, 50))
    assert tokens <= estimate.tokens(TEXT) <= 1.1 * tokens


def test_what_was_thought_to_fit_is_thought_longer_each_time() -> None:
    estimate = Estimate()
    told = []
    for _ in range(3):
        estimate.learn(TEXT, PromptTooLong(401, 400))
        told.append(estimate.tokens(TEXT))
    assert told[0] >= 401
    assert told == sorted(told)


def test_bytes_count_and_not_letters() -> None:
    assert Estimate().tokens(TextPrompt("語" * 300)) == 300


def test_a_picture_and_a_turn_take_room() -> None:
    [bare, seen] = [Estimate().tokens(ChatPrompt((Message("user", "x", images=images),))) for images in ((), ("a",))]
    assert 0 < bare < seen
