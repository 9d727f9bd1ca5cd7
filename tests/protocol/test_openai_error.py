import json

import pytest

from arriero.errors import ArrieroError, EngineFailed, InvalidRequest, ModelNotFound, Unauthorized
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
