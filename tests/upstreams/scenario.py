"""What is tried on every real engine, through the adapters: the same for recording and for replay."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from arriero.engines.base import Engine, ServedModel, UpstreamServer
from arriero.engines.upstream.server import connect
from arriero.types.chat import ChatPrompt, Message, TextRequest, ToolCall
from arriero.types.events import Event, Finished, TextDelta, TokenLogprob, ToolCallDelta, Truncated, text_and_thinking
from arriero.types.sampling import SamplingParams
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

MODEL = "smollm2"
CAPITAL = "Name the capital of France."
PARIS = "The capital of France is Paris."
MOST_TOKENS = 24
GREEDY = SamplingParams(max_tokens=MOST_TOKENS, temperature=0)
# The servers that tapes are made of. "openai" is vLLM, asked as any server that speaks OpenAI's API. Those that think
# have a template and parsers for that, and for tools.
Site = Literal["vllm", "sglang", "smg", "llama-server", "openai", "vllm-thinking", "sglang-thinking"]
PLAIN: tuple[Site, ...] = ("vllm", "sglang", "smg", "llama-server")
ANY: tuple[Site, ...] = (*PLAIN, "openai")
THINKING: tuple[Site, ...] = ("vllm-thinking", "sglang-thinking")
SITES = ANY + THINKING
# The tape that a scenario's own stands on: what a server says of itself is recorded once.
FACTS = "facts"


@dataclass(frozen=True, slots=True)
class Situation:
    """A server, one of its models, and who answers for it. url: where it is."""

    url: str
    kind: UpstreamKind
    server: UpstreamServer
    model: ServedModel
    engine: Engine


Run = Callable[[Situation], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that is tried, and what must come of it. cut_after: the server dies after so many chunks."""

    run: Run
    sites: tuple[Site, ...] = PLAIN
    cut_after: int | None = None

    @property
    def name(self) -> str:
        """What its tapes are called."""
        return self.run.__name__


def kind_of(site: Site) -> UpstreamKind:
    """What such a server is."""
    match site:
        case "vllm-thinking":
            return "vllm"
        case "sglang-thinking":
            return "sglang"
        case _:
            return site


@asynccontextmanager
async def situation(site: Site, url: str) -> AsyncIterator[Situation]:
    """Reach a server as arriero does: nobody says what it is, unless that is not to be known."""
    server = connect(UpstreamSettings(site, url, "openai" if site == "openai" else None))
    try:
        models = await server.look()
        assert [model.name for model in models] == [MODEL]
        yield Situation(url, kind_of(site), server, models[0], server.engine(MODEL))
    finally:
        await server.aclose()


@dataclass(slots=True)
class Said:
    """A whole answer. pieces: as many as batches came with text in them."""

    finished: Finished
    text: str
    thinking: str
    calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    truncated: Truncated | None = None
    pieces: int = 0


async def ask(engine: Engine, request: TextRequest) -> Said:
    """Have a request answered; the answer must end as answers do."""
    async with aclosing(engine.generate(request)) as stream:
        batches = [batch async for batch in stream]
    events: list[Event] = [event for batch in batches for event in batch]
    ends = [event for event in events if isinstance(event, Finished)]
    assert ends == events[-1:]
    cuts = [event for event in events if isinstance(event, Truncated)]
    assert cuts == events[: len(cuts)]
    text, thinking = text_and_thinking(events)
    return Said(
        ends[0],
        text,
        thinking,
        [event.call for event in events if isinstance(event, ToolCallDelta)],
        [logprob for event in events if isinstance(event, TextDelta) for logprob in event.logprobs],
        cuts[0] if cuts else None,
        sum(any(isinstance(event, TextDelta) and event.text for event in batch) for batch in batches),
    )


def user(text: str) -> Message:
    """A turn of the user's."""
    return Message("user", text)


def chat(*messages: Message, sampling: SamplingParams = GREEDY) -> TextRequest:
    """A chat, answered by the likeliest tokens."""
    return TextRequest(ChatPrompt(messages or (user(CAPITAL),)), sampling)


def greedy(**changes: object) -> SamplingParams:
    """The likeliest tokens, with other settings."""
    return replace(GREEDY, **changes)
