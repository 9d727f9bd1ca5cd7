import json
from pathlib import Path

import pytest

from arriero.config import KV_CACHE_TYPES
from arriero.engines.base import Plan
from arriero.engines.llama_cpp.launch import LlamaCppSettings, launch
from arriero.engines.llama_cpp.loading import load_flags, load_params, load_variables
from arriero.types.loading import LoadOptions
from tests.factories_store import record

NOTHING = LoadOptions()
ALL = LoadOptions(context=1024, is_shifting=True, batch=64, gpu_layers=7, main_gpu=1, is_mapped=False, threads=3)


def plan(options: LoadOptions = NOTHING, kv_cache_type: str = "f16") -> Plan:
    return Plan(1024, 2, options, kv_cache_type)


def test_what_nobody_has_asked_for_is_left_to_llama_cpp() -> None:
    assert load_params(plan(), None).keys() == {"cache_type_k", "cache_type_v"}
    assert load_flags(NOTHING) == []
    assert load_variables(plan(), None).keys() == {"LLAMA_ARG_CACHE_TYPE_K", "LLAMA_ARG_CACHE_TYPE_V"}


def test_the_wheel_is_told_what_was_asked_for() -> None:
    assert load_params(plan(ALL, "q8_0"), flash_attention=True) == {
        "ctx_shift": True,
        "n_gpu_layers": 7,
        "main_gpu": 1,
        "split_mode": 0,
        "load_mode": 0,
        "cpuparams.n_threads": 3,
        "cpuparams_batch.n_threads": 3,
        "cache_type_k": 8,
        "cache_type_v": 8,
        "flash_attn_type": 1,
    }


def test_a_binary_is_told_what_was_asked_for() -> None:
    assert " ".join(load_flags(ALL)) == ("--n-gpu-layers 7 --main-gpu 1 --split-mode none --threads 3 --no-mmap")
    assert load_variables(plan(ALL, "q4_0"), flash_attention=False) == {
        "LLAMA_ARG_CONTEXT_SHIFT": "1",
        "LLAMA_ARG_CACHE_TYPE_K": "q4_0",
        "LLAMA_ARG_CACHE_TYPE_V": "q4_0",
        "LLAMA_ARG_FLASH_ATTN": "off",
    }


def test_no_layer_on_a_gpu_is_a_wish_too() -> None:
    assert load_params(plan(LoadOptions(gpu_layers=0, main_gpu=0)), None)["n_gpu_layers"] == 0
    assert load_flags(LoadOptions(gpu_layers=0)) == ["--n-gpu-layers", "0"]


def test_every_launch_is_told() -> None:
    settings = LlamaCppSettings(flash_attention=True)
    model = record(weights=Path("/m"))
    params = json.loads(launch(model, plan(ALL), settings, port=1, api_key="k").spec.stdin)["params"]
    assert (params["ctx_shift"], params["flash_attn_type"]) == (True, 1)


@pytest.mark.parametrize("name", KV_CACHE_TYPES)
def test_every_type_of_cache_that_can_be_set_is_known(name: str) -> None:
    assert load_params(plan(kv_cache_type=name), None)["cache_type_k"] >= 0


@pytest.mark.live
def test_the_wheel_takes_all_of_it() -> None:
    import xllamacpp

    common = xllamacpp.CommonParams()
    for name, value in load_params(plan(ALL, "q8_0"), flash_attention=True).items():
        *path, attribute = name.split(".")
        target = common
        for step in path:
            target = getattr(target, step)
        setattr(target, attribute, value)
        assert getattr(target, attribute) == value
