"""Reads what a program asks, in the forms that ``ollama.Client`` takes, and in those of OpenAI's messages."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, get_args

import msgspec
import ollama
from msgspec import UNSET
from msgspec.structs import replace
from ollama._utils import convert_function_to_tool
from pydantic import BaseModel

from arriero.errors import InvalidRequest
from arriero.protocol.media import read_image_url
from arriero.protocol.ollama_convert import check_base64, read_format, read_keep_alive, read_think
from arriero.protocol.ollama_options import options_for, to_load_options, to_num_ctx, to_sampling
from arriero.protocol.openai_chat import InMessage
from arriero.protocol.openai_messages import read_messages
from arriero.server.abilities import require_images, require_tools
from arriero.server.route_wish import ROUTE_OPTION, read_side
from arriero.types.chat import ChatPrompt, Message, TextRequest
from arriero.types.loading import Demand
from arriero.types.models import Capability, ModelRecord
from arriero.types.routing import Side, Wish, most_private

# Messages, tools and schemas are JSON of the caller's, or objects of the client library's.
MessageLike = Mapping[str, Any] | ollama.Message | BaseModel
ToolLike = Mapping[str, Any] | ollama.Tool | Callable[..., Any]
ImageLike = str | bytes | PathLike[str] | ollama.Image
FormatLike = Literal["", "json"] | Mapping[str, Any] | None
ThinkLike = bool | Literal["low", "medium", "high", "max"] | None
_MOST_TOP_LOGPROBS = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as ``chat`` is given it."""

    prompt: str
    messages: Sequence[MessageLike] | None = None
    force_local: bool = False
    force_remote: bool = False
    tools: Sequence[ToolLike] | None = None
    format: FormatLike = None
    options: Mapping[str, Any] | ollama.Options | None = None
    think: ThinkLike = None
    images: Sequence[ImageLike] | None = None
    keep_alive: float | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    def read(self, record: ModelRecord) -> tuple[TextRequest, Demand]:
        """What a router is asked, whose record this is. Raises InvalidRequest for what cannot be understood."""
        # What each of the models can do is looked at when one is chosen.
        able = dataclasses.replace(record, capabilities=get_args(Capability))
        turns = self._turns()
        images = [image for turn in turns for image in turn.images]
        check_base64(images)
        require_images(able, images, record.name)
        tools = tuple(_tool(each) for each in self.tools or ())
        require_tools(able, tools)
        asked = _plain(self.options or {})
        options = options_for(record, {name: _listed(value) for name, value in asked.items()})
        request = TextRequest(
            ChatPrompt(turns, read_think(UNSET if self.think is None else self.think), tools=tools),
            to_sampling(options),
            read_format(UNSET if self.format is None else _format(self.format)),
            top_logprobs=self._top_logprobs(),
            num_ctx=to_num_ctx(options),
        )
        keep_alive_s = read_keep_alive(UNSET if self.keep_alive is None else self.keep_alive)
        return request, Demand(keep_alive_s, to_load_options(options), Wish(self._force(asked.get(ROUTE_OPTION))))

    def _turns(self) -> tuple[Message, ...]:
        """The conversation; one without messages is the prompt."""
        messages = self.messages or [{"role": "user", "content": self.prompt}]
        turns = read_messages([_in_message(number, each) for number, each in enumerate(messages)])
        own = [tuple(_image(image) for image in _fields(each).get("images") or ()) for each in messages]
        turns = tuple(replace(turn, images=turn.images + images) for turn, images in zip(turns, own, strict=True))
        if not self.images:
            return turns
        last = next((at for at, turn in reversed([*enumerate(turns)]) if turn.role == "user"), None)
        if last is None:
            raise InvalidRequest("images belong to a message of the user's, and there is none")
        shown = replace(turns[last], images=turns[last].images + tuple(_image(image) for image in self.images))
        return (*turns[:last], shown, *turns[last + 1 :])

    # An option is any JSON.
    def _force(self, route: Any) -> Side | None:
        """The side that must answer; where several things are said, the most private one."""
        side = read_side(route, f'option "{ROUTE_OPTION}"')
        forced: Sequence[Side | None] = ("local" if self.force_local else None, "remote" if self.force_remote else None)
        return most_private([*forced, side])

    def _top_logprobs(self) -> int | None:
        tops = self.top_logprobs or 0
        if not 0 <= tops <= _MOST_TOP_LOGPROBS:
            raise InvalidRequest(f"top_logprobs must be between 0 and {_MOST_TOP_LOGPROBS}")
        return tops if self.logprobs or tops else None


def _in_message(number: int, message: MessageLike) -> InMessage:
    fields = _fields(message)
    if not isinstance(fields.get("role"), str) or not fields["role"]:
        raise InvalidRequest(f'messages[{number}] has no role: give {{"role": "user", "content": "..."}}')
    content = fields.get("content")
    told = {
        "role": fields["role"],
        "content": "" if content is None else _plain_parts(content),
        "reasoning": fields.get("thinking") or "",
        "name": fields.get("tool_name") or fields.get("name") or "",
        "tool_calls": [_plain(call) for call in fields.get("tool_calls") or ()],
        "tool_call_id": fields.get("tool_call_id") or "",
    }
    try:
        return msgspec.convert(told, InMessage)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"messages[{number}]: {error}") from error


def _fields(message: MessageLike) -> Mapping[str, Any]:
    if isinstance(message, BaseModel):
        # Images are left as they are: they need not be text.
        return {name: getattr(message, name) for name in message.model_fields_set}
    if isinstance(message, Mapping):
        return message
    raise InvalidRequest(f'a message is a mapping, such as {{"role": "user", "content": "..."}}, not {message!r:.80}')


# What is JSON already, and objects that stand for JSON.
def _plain(value: Any) -> Any:
    return value.model_dump(exclude_none=True, by_alias=True) if isinstance(value, BaseModel) else value


def _plain_parts(content: Any) -> Any:
    return [_plain(part) for part in content] if isinstance(content, list | tuple) else content


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _tool(tool: ToolLike) -> dict[str, Any]:
    if callable(tool):
        tool = convert_function_to_tool(tool)
    plain = _plain(tool)
    if not isinstance(plain, Mapping):
        raise InvalidRequest(f"a tool is a function or its definition, not {tool!r:.80}")
    return {**plain, "type": "function"}


def _format(wanted: FormatLike) -> str | dict[str, Any]:
    return dict(wanted) if isinstance(wanted, Mapping) else wanted or ""


def _image(image: ImageLike) -> str:
    """An image as base64: of a file, of bytes, or as it is."""
    if isinstance(image, str) and image.startswith("data:"):
        return read_image_url(image)
    try:
        found = image if isinstance(image, ollama.Image) else ollama.Image(value=image)  # type: ignore[arg-type]  # pydantic checks it
        return str(found.serialize_model())  # type: ignore[no-untyped-call]  # the library's
    except (ValueError, OSError) as error:
        raise InvalidRequest(f"an image cannot be read: {error}") from error
