"""What ``docs/api/openai.md`` says of fields is what the code reads."""

import re

import msgspec
import pytest

from arriero.protocol.openai_chat import ChatCompletionRequest
from arriero.protocol.openai_completion import CompletionRequest
from arriero.protocol.openai_embed import OpenAIEmbedRequest
from tests.documents import tables

REQUESTS: dict[str, type[msgspec.Struct]] = {
    "POST /v1/chat/completions": ChatCompletionRequest,
    "POST /v1/completions": CompletionRequest,
    "POST /v1/embeddings": OpenAIEmbedRequest,
}


@pytest.mark.parametrize("heading", REQUESTS)
def test_the_fields_are_those_that_are_read(heading: str) -> None:
    [found] = [each for each in tables("docs/api/openai.md") if each.heading == heading]
    told = {re.split(r"[.\[]", name)[0] for row in found.rows for name in re.findall(r"`([^`]+)`", row[0])}

    assert told == set(REQUESTS[heading].__struct_encode_fields__)
