from typing import Any

import pytest
from msgspec import json

from arriero.errors import InvalidRequest
from arriero.protocol.go_json import decode_body
from arriero.protocol.ollama_create import CreateRequest
from arriero.store.recipe import Overrides, Recipe, parse_digest, read_recipe
from arriero.store.records import StoredMessage
from arriero.types.names import parse_name

DIGEST = f"sha256:{'a' * 64}"


def read(**fields: Any) -> Recipe:  # JSON
    return read_recipe(decode_body(json.encode({"model": "x", "from": "base", **fields}), CreateRequest))


def test_a_name_is_one_under_which_the_model_is_found() -> None:
    assert read(model=" mine:local ").name == parse_name("mine")
    with pytest.raises(InvalidRequest, match="invalid model name"):
        read(model="a/b:cloud")


def test_a_template_that_could_never_be_rendered_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"template error: .* missing value for if"):
        read(template="{{ if }}")


def test_everything_is_read() -> None:
    assert read(
        files={"dir/m.gguf": DIGEST.upper().replace("SHA256:", "sha256-")},
        adapters={"a": DIGEST},
        quantization="q4_k",
        template="T",
        system="S",
        license="MIT",
        parameters={"temperature": 1, "seed": None},
        messages=[{"role": "user", "content": "hi"}],
        renderer="r",
        parser="p",
        requires="0.14.0",
        info={"capabilities": ["vision"], "context_length": 10.0, "base_name": "B", "unknown": 1},
    ) == Recipe(
        name=parse_name("x"),
        base="base",
        files={"dir/m.gguf": DIGEST},
        adapters={"a": DIGEST},
        quantize="Q4_K_M",
        template="T",
        system="S",
        licenses=("MIT",),
        parameters={"temperature": 1},
        messages=(StoredMessage("user", "hi"),),
        renderer="r",
        parser="p",
        requires="0.14.0",
        info=Overrides(capabilities=("vision",), context_length=10, base_name="B"),
    )


def test_what_is_empty_is_the_bases() -> None:
    assert read(messages=[], license=["", ""], quantize="", name="ignored") == Recipe(parse_name("x"), "base")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"from": ""}, "neither 'from' or 'files' was specified"),
        ({"from": "", "files": {}}, "unknown type"),
        ({"from": "a b"}, "invalid model name"),
        ({"from": "x:cloud"}, "ollama cloud is disabled: a model cannot be made from one in the cloud"),
        ({"model": ""}, "invalid model name"),
        ({"files": {"/etc/passwd": DIGEST}}, "file path must be relative"),
        ({"files": {"a/../b": DIGEST}}, "file path must be relative"),
        ({"files": {"a": ""}}, "invalid digest format"),
        ({"adapters": {"a": "sha256:../x"}}, "invalid digest format"),
        ({"draft_quantize": "Q8_0"}, "--draft-quantize requires a DRAFT model"),
        ({"draft_files": {"a": DIGEST}}, "draft models are not supported: leave DRAFT out"),
        ({"remote_host": "https://x"}, "models that run elsewhere are not supported: leave remote_host out"),
        ({"parameters": {"num_ctx": "many"}}, 'option "num_ctx" must be of type integer'),
        ({"parameters": {"stop": "x"}}, 'option "stop" must be of type array'),
        ({"requires": "soon"}, "requires must be a valid semver (e.g. 0.14.0)"),
        ({"messages": [{"role": "x"}]}, 'message role must be one of "system", "user", or "assistant"'),
        ({"info": {"base_name": 1}}, 'info field "base_name" must be a string'),
        ({"info": {"context_length": "1"}}, 'info field "context_length" must be a number'),
        ({"info": {"context_length": -1}}, 'info field "context_length" must be a non-negative integer'),
        ({"info": {"capabilities": "vision"}}, 'info field "capabilities" must be an array of strings'),
        (
            {"quantize": "Q3"},
            "unsupported quantization type Q3 - supported types are F32, F16, Q4_K_S, Q4_K_M, Q8_0",
        ),
    ],
)
def test_what_is_wrong_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(**fields)
    assert raised.value.message == message


@pytest.mark.parametrize("text", ["", "sha256", f"md5:{'a' * 64}", f"sha256:{'g' * 64}", f"{DIGEST}0"])
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^invalid digest format$"):
        parse_digest(text)
