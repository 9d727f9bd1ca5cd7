import pytest

from arriero.errors import ArrieroError, EngineFailed, EngineUnreachable, InvalidRequest, ModelNotFound, PromptTooLong
from arriero.router.settings import Limits
from arriero.runners.router_side import RouterSide, is_fault_of_side
from arriero.types.models import Architecture, ModelRecord
from tests.factories_store import record
from tests.router.factories_routing import Clock
from tests.runners.routers import chat_model

DOWN = EngineUnreachable("connection refused")


def side(
    model: ModelRecord | ArrieroError | None = None,
    *,
    loaded: int = 0,
    limits: Limits = Limits(),  # noqa: B008  # frozen
    lacks: tuple[str, ...] = (),
    clock: Clock | None = None,
) -> RouterSide:
    def find() -> ModelRecord:
        if isinstance(model, ArrieroError):
            raise model
        return model or chat_model("m")

    return RouterSide(find, lambda _: loaded, limits, lacks, clock or Clock())


def fail(place: RouterSide, error: ArrieroError) -> None:
    with pytest.raises(type(error)), place.answering():
        raise error


def test_what_a_side_can_do_is_what_its_model_can_but_for_what_it_is_said_to_lack() -> None:
    assert side().state(None).facts.abilities == {"tools", "schema"}
    assert side(lacks=("tools", "schema")).state(None).facts.abilities == set()
    able = chat_model("m", capabilities=("completion", "vision", "thinking", "insert", "embedding"))
    assert side(able).state(None).facts.abilities == {"vision", "thinking", "insert", "schema"}


def test_of_a_model_that_is_not_there_everything_is_thought_and_why_it_is_not_there_is_told() -> None:
    state = side(ModelNotFound("model 'm' not found"), lacks=("vision",)).state(None)

    assert state.error == "model 'm' not found"
    assert state.facts.abilities == {"tools", "schema", "thinking", "insert"}
    assert state.facts.context is None


@pytest.mark.parametrize(
    ("trained", "loaded", "num_ctx", "context"),
    [
        (4096, 0, None, 4096),
        (4096, 2048, None, 2048),
        (4096, 2048, 3000, 3000),
        (4096, 2048, 9000, 4096),
        (4096, 2048, 100, 2048),
        (None, 0, None, None),
        (None, 2048, None, None),
    ],
)
def test_context(trained: int | None, loaded: int, num_ctx: int | None, context: int | None) -> None:
    model = record("m", architecture=Architecture("llama", 1, trained_context=trained))

    assert side(model, loaded=loaded).state(num_ctx).facts.context == context


def test_a_side_that_cannot_be_reached_is_left_alone_until_its_time_is_over() -> None:
    clock = Clock()
    place = side(clock=clock)
    fail(place, DOWN)
    assert place.state(None).error == "connection refused"

    clock.now_s += 1.01
    assert place.state(None).error == ""


def test_what_an_engine_has_said_of_one_request_is_not_told_of_others() -> None:
    place = side()
    for _ in range(3):
        fail(place, EngineFailed("cannot parse: the secret is 42", 500))

    assert place.state(None).error == "it has failed several times in a row"


def test_a_side_that_is_well_again_has_a_clean_slate() -> None:
    clock = Clock()
    place = side(clock=clock)
    for _ in range(4):
        fail(place, DOWN)
    with place.answering():
        pass
    assert place.state(None).error == ""

    fail(place, DOWN)
    clock.now_s += 1.01
    assert place.state(None).error == ""


@pytest.mark.parametrize("error", [InvalidRequest("no"), EngineFailed("bad request", 400), PromptTooLong(9, 8)])
def test_what_is_wrong_with_a_request_says_nothing_of_the_side(error: ArrieroError) -> None:
    place = side()
    for _ in range(10):
        fail(place, error)

    assert place.state(None).error == ""
    assert not is_fault_of_side(error)


def test_answers_under_way_are_counted_whatever_comes_of_them() -> None:
    place = side(limits=Limits(2), loaded=4096)
    with place.answering(), place.answering():
        assert place.state(None).is_full
        assert not place.is_ready()
    fail(place, DOWN)

    assert place.in_flight == 0
    assert not place.state(None).is_full


def test_an_answer_can_begin_at_once_where_the_model_is_loaded_and_idle() -> None:
    assert side(loaded=4096).is_ready()
    assert not side().is_ready()
    assert not side(ModelNotFound("gone"), loaded=4096).is_ready()
