"""A conversation that is to be answered, as those dialects ask for it that do not say how the model is to be loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from arriero.errors import InvalidRequest
from arriero.protocol.ollama_convert import Think, with_model
from arriero.protocol.ollama_options import options_for, to_load_options, to_num_ctx, to_sampling
from arriero.server.abilities import decide_think, require, require_images, require_tools
from arriero.server.exchange import Exchange
from arriero.server.route_wish import with_wish
from arriero.store.library import Library
from arriero.types.chat import ChatPrompt, JsonFormat, Message, NamedTool, TextRequest, ToolChoice
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a request asks, read and not yet held against a model.

    model: as asked for. options: Ollama's, unchecked. think_tokens: as in ``ChatPrompt``. may_skip_thinking: a model
    that cannot think just answers. wants_stop_text: the answer's end shall tell which text of ``stop`` it was.
    keep_alive_s: None leaves the model's own. top_logprobs, logit_bias: as in ``TextRequest`` and ``SamplingParams``.
    """

    model: str
    messages: tuple[Message, ...]
    # Definitions of tools and options are the caller's JSON.
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: ToolChoice = "auto"
    is_one_call: bool = False
    think: Think = None
    think_tokens: int | None = None
    may_skip_thinking: bool = False
    json_format: JsonFormat | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    is_truncating: bool = True
    wants_stop_text: bool = False
    keep_alive_s: float | None = None
    top_logprobs: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    # What the caller notes of the request, for a router's rules.
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def held_against(self, library: Library, exchange: Exchange) -> "Held":
        """The conversation and its model. Raises ModelNotFound, and InvalidRequest for what the model cannot do."""
        if not self.model.strip():
            raise InvalidRequest("model is required")
        record = library.find(self.model)
        request, demand = self._request(record, exchange)
        return Held(record, request, demand)

    def _prompt(self, record: ModelRecord) -> ChatPrompt:
        """The prompt for a model. Raises InvalidRequest for the first thing that the model cannot do."""
        require(record, "completion", f'"{self.model}" does not support chat')
        require_tools(record, self.tools)
        require_images(record, [image for turn in self.messages for image in turn.images], self.model)
        asked = None if self.may_skip_thinking and "thinking" not in record.capabilities else self.think
        think = decide_think(asked, self.model, record)
        return replace(
            with_model(self.messages, record, think),
            tools=self.tools,
            tool_choice=self._tool_choice(),
            is_one_call=self.is_one_call,
            think_tokens=self.think_tokens if think else None,
        )

    def _tool_choice(self) -> ToolChoice:
        match self.tool_choice:
            case NamedTool(name) if name not in {tool["function"]["name"] for tool in self.tools}:
                raise InvalidRequest(f"tool_choice names {name!r}, which is none of the tools")
            case "required" if not self.tools:
                return "auto"
            case choice:
                return choice

    def _request(self, record: ModelRecord, exchange: Exchange) -> tuple[TextRequest, Demand]:
        """What to ask the model, and how it must be carried."""
        prompt = self._prompt(record)
        options = options_for(record, self.options)
        request = TextRequest(
            prompt,
            replace(to_sampling(options), logit_bias=self.logit_bias),
            self.json_format,
            self.top_logprobs,
            num_ctx=to_num_ctx(options),
            is_truncating=self.is_truncating,
            wants_stop_text=self.wants_stop_text,
            may_skip_thinking=self.may_skip_thinking and record.carrier == "router",
        )
        demand = Demand(self.keep_alive_s, to_load_options(options))
        return request, with_wish(demand, exchange, record, self.options, self.metadata)


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation that its model can answer: what to ask it, and how it must be carried."""

    record: ModelRecord
    request: TextRequest
    demand: Demand
