# Options are whatever JSON somebody sends.
from typing import Any

import pytest

from arriero.errors import InvalidRequest
from arriero.protocol.ollama_options import (
    DEFAULT_OPTIONS,
    OPTION_TYPES,
    merge_options,
    options_for,
    to_load_options,
    to_sampling,
)
from arriero.types.sampling import SamplingParams
from tests.factories_store import record


def test_the_last_layer_wins_and_nulls_change_nothing() -> None:
    merged = merge_options({"temperature": 0.5, "top_k": 2}, {"top_k": 1}, {"temperature": None, "seed": 3})
    assert merged == {**DEFAULT_OPTIONS, "temperature": 0.5, "top_k": 1, "seed": 3}


def test_unknown_options_are_passed_over() -> None:
    assert merge_options({"mirostat": 2, "foo": "bar", "penalize_newline": "x"}) == DEFAULT_OPTIONS


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("seed", 3.9, 3),
        ("seed", -3.9, -3),
        ("num_predict", 1e3, 1000),
        ("temperature", 1, 1.0),
        ("use_mmap", False, False),
        ("stop", [], []),
        ("stop", ["a", ""], ["a", ""]),
        ("seed", 2**62, 2**62),
    ],
)
def test_numbers_become_what_the_option_is(key: str, value: Any, read: Any) -> None:
    merged = merge_options({key: value})
    assert merged == {**DEFAULT_OPTIONS, key: read}
    assert type(merged[key]) is type(read)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("seed", "1", "of type integer"),
        ("seed", True, "of type integer"),
        ("num_ctx", [], "of type integer"),
        ("temperature", "hot", "of type float32"),
        ("temperature", False, "of type float32"),
        ("use_mmap", 1, "of type boolean"),
        ("stop", "a", "of type array"),
        ("stop", ["a", 1], "of an array of strings"),
    ],
)
def test_other_types_are_refused_in_the_words_of_ollama(key: str, value: Any, kind: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        merge_options({key: value})
    assert caught.value.message == f'option "{key}" must be {kind}'


@pytest.mark.parametrize("key", ["num_batch", "num_gpu", "main_gpu"])
def test_a_number_that_no_engine_takes_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match=f'"{key}" is too large'):
        to_load_options(merge_options({key: 10**12}))


def test_a_float_beyond_all_floats_is_refused() -> None:
    with pytest.raises(InvalidRequest, match='"temperature" is too large'):
        merge_options({"temperature": 10**400})


def test_defaults_are_options_that_there_are() -> None:
    assert merge_options() == merge_options(DEFAULT_OPTIONS) == DEFAULT_OPTIONS
    assert DEFAULT_OPTIONS.keys() <= OPTION_TYPES.keys()


def test_the_defaults_of_the_sampler_are_those_of_ollama() -> None:
    assert to_sampling(DEFAULT_OPTIONS) == SamplingParams(
        max_tokens=None,
        temperature=0.8,
        top_k=40,
        top_p=0.9,
        min_p=0.0,
        typical_p=1.0,
        repeat_penalty=1.0,
        repeat_last_n=64,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        num_keep=4,
        seed=None,
    )


@pytest.mark.parametrize(("num_predict", "limit"), [(-1, None), (-2, None), (0, None), (1, 1), (10**12, 10**12)])
def test_only_a_positive_num_predict_is_a_limit(num_predict: int, limit: int | None) -> None:
    assert to_sampling({"num_predict": num_predict}).max_tokens == limit


@pytest.mark.parametrize("seed", [-1, 0, -2, 2**63 - 1])
def test_a_seed_is_handed_on_as_it_is(seed: int) -> None:
    assert to_sampling({"seed": seed}).seed == seed
    assert to_sampling({}).seed is None


def test_stop_texts_keep_their_order() -> None:
    assert to_sampling({"stop": ["b", "a"]}).stop == ("b", "a")


def test_a_model_that_an_engine_finds_itself_has_its_authors_defaults() -> None:
    elsewhere = record(weights=None, parameters={"top_k": 5})

    assert options_for(elsewhere, {"seed": 1}) == {"top_k": 5, "seed": 1}
    assert options_for(record(), {"top_k": 7}) == {**DEFAULT_OPTIONS, "top_k": 7}
