"""What the documents of OpenAI's Responses API and of Anthropic's say is read, is what the code reads."""

import inspect
import re

import msgspec
import pytest

from arriero.protocol import anthropic_parts, anthropic_read, openai_responses_turns
from arriero.protocol.anthropic import MessagesRequest
from arriero.protocol.openai_responses import ResponsesRequest
from arriero.protocol.systemone import SystemOneRequest
from tests.documents import tables

VERDICTS = {"supported", "differs", "not"}


def names(document: str, heading: str) -> set[str]:
    (found,) = [table for table in tables(document) if table.heading == heading]
    assert {row[1] for row in found.rows} <= VERDICTS
    return {name for row in found.rows for name in re.findall(r"`([^`]+)`", row[0])}


@pytest.mark.parametrize(
    ("document", "struct"),
    [
        ("docs/api/responses.md", ResponsesRequest),
        ("docs/api/messages.md", MessagesRequest),
        ("docs/api/systemone.md", SystemOneRequest),
    ],
)
def test_every_field_of_a_request_is_told(document: str, struct: type[msgspec.Struct]) -> None:
    assert names(document, "Request") == set(struct.__struct_encode_fields__)


def test_every_item_is_told() -> None:
    source = inspect.getsource(openai_responses_turns)
    cases = re.findall(r'case ((?:"[a-z_]+"(?: \| )?)+):\n\s+(?:self\.|pass)', source)
    assert names("docs/api/responses.md", "Items of the input") == set(re.findall("[a-z_]+", " ".join(cases)))


def test_every_block_is_told() -> None:
    read = re.findall(r'case "([a-z_]+)":\n\s+(?:thoughts\.|calls\.|results\.)', inspect.getsource(anthropic_read))
    read += re.findall(r'case "([a-z_]+)":', inspect.getsource(anthropic_parts.read_part))
    assert names("docs/api/messages.md", "Blocks of a message") == set(read)
