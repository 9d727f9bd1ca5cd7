import json

import pytest

from arriero.errors import (
    ArrieroError,
    EngineFailed,
    ImageRefused,
    InvalidRequest,
    ModelNotFound,
    PromptTooLong,
    Unauthorized,
)
from arriero.protocol.openai_error import error_body


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (ModelNotFound("x"), "not_found_error"),
        (Unauthorized("x"), "authentication_error"),
        (EngineFailed("x"), "api_error"),
        (EngineFailed("x", 400), "invalid_request_error"),
    ],
)
def test_errors_have_the_shape_of_the_api(error: ArrieroError, kind: str) -> None:
    told = {"message": "x", "type": kind, "param": None, "code": None}
    assert json.loads(error_body(error)) == {"error": told}


def test_a_prompt_that_is_too_long_has_a_code() -> None:
    told = json.loads(error_body(PromptTooLong(20, 10)))["error"]
    assert (told["type"], told["code"]) == ("invalid_request_error", "context_length_exceeded")
    assert "20 tokens, which exceeds the context of 10 tokens" in told["message"]


def test_a_picture_that_is_refused_has_a_code_and_a_place() -> None:
    told = json.loads(error_body(ImageRefused("no pictures")))["error"]
    assert (told["message"], told["param"], told["code"]) == ("no pictures", "content.image_url", "invalid_value")
