import pytest

from arriero.engines.llama_cpp.native_reader import NativeReader
from arriero.errors import EngineFailed
from arriero.types.events import Finished, TextDelta, TokenLogprob
from arriero.types.usage import Usage
from tests.engines.streams import TIMINGS, event


def test_reads_what_fills_a_gap() -> None:
    last = {"content": "", "stop": True, "stop_type": "limit", "tokens_evaluated": 15, "tokens_predicted": 2}
    reader = NativeReader()
    events = reader.feed(
        event({"index": 0, "content": "return", "tokens": [689], "stop": False, "tokens_predicted": 1})
        + event({"content": " a", "stop": False, "completion_probabilities": [{"token": " a", "logprob": -0.5}]})
        + event({**last, "timings": TIMINGS})
    )
    usage = Usage(prompt_tokens=15, completion_tokens=2, prompt_ns=104_500_000, completion_ns=15_250_000)
    assert events == [
        TextDelta("return"),
        TextDelta(" a", (TokenLogprob(" a", -0.5),)),
        Finished("length", usage),
    ]
    assert reader.is_finished
    assert reader.close() == []


@pytest.mark.parametrize("stop_type", ["eos", "word", "none"])
def test_every_other_end_is_a_stop(stop_type: str) -> None:
    [finished] = NativeReader().feed(event({"content": "", "stop": True, "stop_type": stop_type}))
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"


@pytest.mark.parametrize("payload", [{"error": {"message": "no infill", "code": 501}}, {"error": "no infill"}])
def test_an_error_in_the_stream_is_raised(payload: dict[str, object]) -> None:
    with pytest.raises(EngineFailed, match="no infill"):
        NativeReader().feed(event(payload))


def test_what_is_no_chunk_is_an_error() -> None:
    with pytest.raises(EngineFailed, match="no chunk"):
        NativeReader().feed(b"data: [1]\n\n")
