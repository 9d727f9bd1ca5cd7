"""The events of a stream of the Responses API."""

from msgspec import Struct

from arriero.protocol.openai_chat import OutTokenLogprob
from arriero.protocol.openai_responses import Item, OutputText, Response, SummaryText


class StreamEvent(Struct, kw_only=True):
    """What all events of a stream have; ``sequence_number`` counts them."""

    type: str
    sequence_number: int = 0


class ResponseEvent(StreamEvent, kw_only=True):
    """``response.created``, ``.in_progress``, ``.completed``, ``.incomplete``, ``.failed``."""

    response: Response


class ItemEvent(StreamEvent, kw_only=True):
    """``response.output_item.added`` and ``.done``."""

    output_index: int
    item: Item


class PartEvent(StreamEvent, kw_only=True):
    """``response.content_part.added`` and ``.done``."""

    item_id: str
    output_index: int
    content_index: int
    part: OutputText


class TextDeltaEvent(StreamEvent, kw_only=True):
    """``response.output_text.delta``."""

    item_id: str
    output_index: int
    content_index: int
    delta: str
    logprobs: list[OutTokenLogprob]


class TextDoneEvent(StreamEvent, kw_only=True):
    """``response.output_text.done``: the whole text."""

    item_id: str
    output_index: int
    content_index: int
    text: str
    logprobs: list[OutTokenLogprob]


class SummaryPartEvent(StreamEvent, kw_only=True):
    """``response.reasoning_summary_part.added`` and ``.done``."""

    item_id: str
    output_index: int
    summary_index: int
    part: SummaryText


class SummaryDeltaEvent(StreamEvent, kw_only=True):
    """``response.reasoning_summary_text.delta``."""

    item_id: str
    output_index: int
    summary_index: int
    delta: str


class SummaryDoneEvent(StreamEvent, kw_only=True):
    """``response.reasoning_summary_text.done``: all that was thought."""

    item_id: str
    output_index: int
    summary_index: int
    text: str


class ArgumentsDeltaEvent(StreamEvent, kw_only=True):
    """``response.function_call_arguments.delta``: all of them at once."""

    item_id: str
    output_index: int
    delta: str


class ArgumentsDoneEvent(StreamEvent, kw_only=True):
    """``response.function_call_arguments.done``."""

    item_id: str
    output_index: int
    name: str
    arguments: str


class InputDeltaEvent(StreamEvent, kw_only=True):
    """``response.custom_tool_call_input.delta``: all of it at once."""

    item_id: str
    output_index: int
    delta: str


class InputDoneEvent(StreamEvent, kw_only=True):
    """``response.custom_tool_call_input.done``."""

    item_id: str
    output_index: int
    input: str
