"""Faults of the layer that arriero replaces, where only a real engine shows that they are not there.

``tests/contract/test_seed_faults.py`` has them all, with fake engines, under the same numbers.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.contract.claim import BOTH, CHAT, GENERATE, said
from tests.live.launching import MODEL, PARIS, Server, launched

pytestmark = pytest.mark.live

TEMPLATE = "{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
SHORT = {"temperature": 0, "num_predict": 3}


@pytest.fixture(scope="module")
def templated(model_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model is given another chat template."""
    file = tmp_path_factory.mktemp("template") / "template.jinja"
    file.write_text(TEMPLATE)
    with launched(model_home, "--chat-template", str(file)) as running:
        yield running


# Bodies and answers are JSON.
def body(path: str, text: str = PARIS, **more: Any) -> dict[str, Any]:
    turn = {"messages": [{"role": "user", "content": text}]} if path == CHAT else {"prompt": text}
    return {"model": MODEL, "stream": False, **turn, **more}


def lines(server: Server, path: str, **more: Any) -> list[Any]:
    with server.open(path, body(path, **{"stream": True, **more})) as answer:
        return [json.loads(line) for line in answer]


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("limit", [1, 3])
def test_1_and_3_an_answer_that_is_cut_loses_no_text_and_says_so(server: Server, path: str, limit: int) -> None:
    options = {**SHORT, "num_predict": limit}
    whole = server.post(path, body(path, options=options))
    streamed = lines(server, path, options=options)

    assert "".join(map(said, streamed)) == said(whole)
    assert "The capital of France".startswith(said(whole))
    assert said(whole)
    assert whole["done_reason"] == streamed[-1]["done_reason"] == "length"


def test_5_generate_goes_through_the_models_template(server: Server) -> None:
    rendered = server.post(GENERATE, body(GENERATE, "Why?", system="You are X", _debug_render_only=True))
    raw = server.post(GENERATE, body(GENERATE, "Why?", raw=True, options=SHORT))

    assert rendered["_debug_info"]["rendered_template"] == (
        "<|im_start|>system\nYou are X<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert raw["prompt_eval_count"] == 2


def test_6_a_chat_template_of_the_users_counts_on_all_apis(templated: Server) -> None:
    texts = {
        templated.post(path, body(path, _debug_render_only=True))["_debug_info"]["rendered_template"] for path in BOTH
    }
    counts = {templated.post(path, body(path, options=SHORT))["prompt_eval_count"] for path in BOTH}
    asked = {"model": MODEL, "messages": [{"role": "user", "content": PARIS}], "max_tokens": 1}
    counts.add(templated.post("/v1/chat/completions", asked)["usage"]["prompt_tokens"])

    assert texts == {f"[user] {PARIS}\n"}
    assert len(counts) == 1


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("odd", [{"top_k": 0}, {"temperature": -1.0}, {"temperature": 99.0}, {"seed": 42}], ids=str)
def test_9_and_11_odd_options_are_answered(server: Server, path: str, odd: dict[str, Any]) -> None:
    options = {**SHORT, **odd}

    assert server.post(path, body(path, options=options))["done"]
    assert lines(server, path, options=options)[-1]["done"]


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("stream", [False, True])
def test_12_a_prompt_that_does_not_fit_is_refused(server: Server, path: str, stream: bool) -> None:
    with pytest.raises(HTTPError) as refused:
        server.open(path, body(path, "word " * 300, stream=stream, options={"num_ctx": 64}))

    assert refused.value.code == 400
    assert "context of 64 tokens" in json.load(refused.value)["error"]


def test_26_counts_and_times_are_real(server: Server) -> None:
    last = lines(server, CHAT, options=SHORT)[-1]

    assert last["eval_count"] == 3
    assert last["prompt_eval_count"] > 20
    assert last["total_duration"] > last["eval_duration"] > 0
