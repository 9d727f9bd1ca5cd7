import pytest

from arriero.engines.base import Plan
from arriero.runners.reloading import merge_options, reload_options
from arriero.types.loading import LoadOptions

TRAINED = 8192
LOADED = Plan(4096, 2, LoadOptions(batch=256))


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        LoadOptions(batch=256),
        LoadOptions(context=1, batch=256),
        LoadOptions(context=4096, batch=256),
    ],
)
def test_what_a_model_does_already_reloads_nothing(wanted: LoadOptions | None) -> None:
    assert reload_options(LOADED, wanted, TRAINED) is None


@pytest.mark.parametrize(
    ("wanted", "options"),
    [
        (LoadOptions(context=5000, batch=256), LoadOptions(5000, batch=256)),
        (LoadOptions(context=10**6, batch=256), LoadOptions(TRAINED, batch=256)),
        (LoadOptions(is_shifting=True, batch=256), LoadOptions(4096, is_shifting=True, batch=256)),
        (LoadOptions(batch=512), LoadOptions(4096, batch=512)),
        (LoadOptions(context=100, gpu_layers=0), LoadOptions(4096, gpu_layers=0)),
        (LoadOptions(main_gpu=1, threads=3), LoadOptions(4096, main_gpu=1, threads=3)),
        # What somebody else has asked for is nothing that others must live with.
        (LoadOptions(), LoadOptions(4096)),
    ],
)
def test_what_it_does_not_do_reloads_it_and_the_context_stays(wanted: LoadOptions, options: LoadOptions) -> None:
    assert reload_options(LOADED, wanted, TRAINED) == options


def test_a_context_that_was_asked_for_and_could_not_be_granted_is_not_asked_for_again() -> None:
    assert reload_options(Plan(4096, 1, LoadOptions(context=9000)), LoadOptions(context=9000), None) is None


def test_shifting_stays() -> None:
    loaded = Plan(4096, 1, LoadOptions(is_shifting=True))
    assert reload_options(loaded, LoadOptions(), TRAINED) is None
    assert reload_options(loaded, LoadOptions(context=8192), TRAINED) == LoadOptions(8192, is_shifting=True)


def test_the_largest_context_serves_all_and_of_the_rest_the_first_decides() -> None:
    wanted = [None, LoadOptions(2048, batch=8), LoadOptions(4096, batch=9, threads=2), LoadOptions(is_shifting=True)]
    assert merge_options(wanted) == LoadOptions(4096, is_shifting=True, batch=8)
    assert merge_options([]) == merge_options([None]) == LoadOptions()
