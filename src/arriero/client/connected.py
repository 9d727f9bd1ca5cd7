"""A program's router within an event loop: its servers, and the same pipeline that is served."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from arriero.client.scorers import scorer_of
from arriero.client.settings import NAME, ClientSettings
from arriero.client.sides import Sides, names_of_models
from arriero.client.verbose import Commentary, commentary
from arriero.errors import ArrieroError
from arriero.router.decision_log import DecisionLog
from arriero.router.health import States
from arriero.router.router import Plan, Router
from arriero.router.rules import is_private
from arriero.router.scoring import Scorer
from arriero.router.settings import RouterSettings
from arriero.router.subject import Subject, subject_of
from arriero.runners.carrier import Answer
from arriero.runners.route_record import Recorder
from arriero.runners.routing import Routing
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.routing import NO_WISH, Decision, Side, Wish
from arriero.types.upstreams import UpstreamKind

# How long the first request waits until it is known what the servers are.
_FIRST_LOOK_S = 5.0
_KINDS: dict[UpstreamKind | None, str] = {
    "ollama": "Ollama",
    "sglang": "SGLang",
    "vllm": "vLLM",
    "smg": "SGLang gateway",
    "llama-server": "llama-server",
    "openai": "OpenAI server",
    None: "server",
}


class _ToldRouter(Router):
    """A router that tells of each decision as soon as it is made."""

    def __init__(self, settings: RouterSettings, scorer: Scorer, tell: Callable[[Decision], None]) -> None:
        super().__init__(settings, scorer)
        self._tell = tell

    async def decide(self, subject: Subject, wish: Wish, states: States) -> Plan:
        plan = await super().decide(subject, wish, states)
        self._tell(plan.decision)
        return plan


class Connected:
    """Make it within an event loop. Raises ConfigError for settings that cannot be used.

    log: where decisions are written down, if anywhere; it stays open. A server is first looked at when a request may go
    there: while all are private, the remote one is left alone.
    """

    def __init__(self, settings: ClientSettings, log: DecisionLog | None) -> None:
        local, remote, judge = names_of_models([settings.local, settings.remote, settings.judge])
        self._models: dict[Side, str] = {"local": settings.local.model, "remote": settings.remote.model}
        self._router_settings = RouterSettings(
            local,
            remote,
            judge,
            name=NAME,
            scorer=settings.scorer,
            threshold=settings.threshold,
            remote_share=settings.remote_share,
            weights=settings.weights,
            judge_timeout_s=settings.judge_timeout_s,
            rules=tuple(settings.rules),
            # A server with one slot would let the judge wait for an answer that may not be wanted.
            starts_ahead=settings.judge.url != settings.local.url,
        )
        self._sides = Sides({local: settings.local, remote: settings.remote, judge: settings.judge})
        find = self._sides.find
        scorer = scorer_of(
            self._router_settings, settings.judge_load_timeout_s, find, self._sides, lambda: self._is_loaded(judge)
        )
        router = _ToldRouter(self._router_settings, scorer, self._decided)
        self._routing = Routing([router], find, self._sides, Recorder(log))

    async def aclose(self) -> None:
        """Close all connections, and break off what is under way."""
        await self._sides.aclose()

    @property
    def record(self) -> ModelRecord:
        """The router as a model."""
        record = self._routing.find(NAME)
        assert record is not None
        return record

    def location(self, side: Side) -> str:
        """Where a side is, in the words of SGLang's router: ``Local Ollama``, ``Remote SGLang``."""
        return f"{side.capitalize()} {_KINDS[self._sides.host(self._router_settings.model(side)).kind]}"

    def model(self, side: Side) -> str:
        """The model of a side, as it was named."""
        return self._models[side]

    @asynccontextmanager
    async def answer(self, request: TextRequest, demand: Demand, told: Commentary) -> AsyncIterator[Answer]:
        """Decide who answers, and have it answer (see ``Routing``)."""
        await self._look(request, demand.wish)
        token = commentary.set(told)
        async with AsyncExitStack() as stack:
            try:
                answer = await stack.enter_async_context(self._routing.answer(self.record, request, demand))
            except ArrieroError as error:
                told.failed(error)
                raise
            finally:
                commentary.reset(token)
            decision = decision_of(answer)
            told.began(decision, self.location, self.model(decision.side))
            yield answer

    async def explain(self, request: TextRequest, told: Commentary) -> Decision:
        """Who would answer."""
        await self._look(request, NO_WISH)
        token = commentary.set(told)
        try:
            decision = (await self._routing.explain(self.record, request)).decision
        finally:
            commentary.reset(token)
        told.scored(decision)
        return decision

    async def _look(self, request: TextRequest, wish: Wish) -> None:
        """Find out about the servers that the request may go to; one that does not answer is asked all the same."""
        settings = self._router_settings
        names = [settings.local]
        if not is_private(settings.rules, subject_of(request), wish):
            names += [settings.remote, settings.judge or settings.local]
        await self._sides.open(names, _FIRST_LOOK_S)

    def _decided(self, decision: Decision) -> None:
        commentary.get().decided(decision, self.location, self.model(decision.side))

    def _is_loaded(self, name: str) -> bool:
        try:
            return self._sides.loaded_context(self._sides.find(name)) > 0
        except ArrieroError:
            return False


def decision_of(answer: Answer) -> Decision:
    """Who answers: the first of a routed answer's events."""
    decision = answer.first[0]
    assert isinstance(decision, Decision)
    return decision
