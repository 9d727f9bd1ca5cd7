"""Servers that run elsewhere: what one is, which models it has, and who answers for them."""

from collections.abc import Sequence
from dataclasses import replace

from arriero.engines.base import Engine, Plan, Relayed, ServedModel
from arriero.engines.llama_cpp.engine import LlamaCppEngine
from arriero.engines.ollama.engine import ollama_engine
from arriero.engines.openai.engine import engine_for
from arriero.engines.upstream.connection import Connection, connection, explained
from arriero.engines.upstream.ollama import Shown
from arriero.engines.upstream.questions import Questions
from arriero.engines.upstream.relay import relay
from arriero.engines.upstream.survey import Survey, describe, survey
from arriero.errors import EngineFailed, EngineUnreachable
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

# A server that leaves questions about its models open is asked them again, so often.
_MOST_ASKED = 3


def connect(settings: UpstreamSettings) -> "Upstream":
    """Reach a server. Call it within a running event loop. Raises ConfigError for a CA file that is none."""
    return Upstream(settings, connection(settings))


class Upstream:
    """One server (see ``UpstreamServer``), which may be another Ollama (see ``Relays``)."""

    def __init__(self, settings: UpstreamSettings, how: Connection) -> None:
        self._settings = settings
        self._how = how
        self._wire = how.wire()
        # llama.cpp closes a connection after a streamed answer: none is used again.
        self._unkept_wire = how.wire(keeps_alive=False)
        self._kind = settings.kind
        self._seen: Survey | None = None
        self._models: list[ServedModel] = []
        self._served: dict[str, ServedModel] = {}
        self._trouble = ""
        self._shown = Shown()
        self._asked = 0
        self._is_told_all = False
        # Each is for a model as ``_served`` has it.
        self._engines: dict[str, Engine] = {}

    @property
    def kind(self) -> UpstreamKind | None:
        """What it is (see ``UpstreamServer``); of one that is away, what it was."""
        return self._kind

    async def look(self) -> Sequence[ServedModel]:
        """The models that it serves now (see ``UpstreamServer``)."""
        questions = Questions(self._wire)
        models = None
        try:
            found = await survey(self._wire, questions, self._settings, self._seen)
            if found != self._seen:
                self._asked, self._is_told_all = 0, False
            if not self._is_told_all and self._asked < _MOST_ASKED:
                models = await describe(found, questions, self._settings, self._shown)
                self._asked += not questions.has_more
                self._is_told_all = questions.is_complete and not questions.has_more
        except EngineFailed as error:
            # When it is back, it may be another server, or the same one with other settings.
            self._seen = None
            told = explained(error, self._settings) if isinstance(error, EngineUnreachable) else error
            self._trouble = f": {told.message}"
            raise told from error.__cause__
        if models is not None:
            self._take([self._as_set(model) for model in models], found.kind)
        self._seen, self._trouble = found, ""
        return self._models

    def engine(self, model: str) -> Engine:
        """Who answers for a model (see ``UpstreamServer``). Raises EngineUnreachable as long as it was not seen."""
        engine = self._engines.get(model)
        if engine is None:
            engine = self._engines[model] = self._new_engine(model)
        return engine

    async def relay(self, path: str, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Relayed:
        """Have a request answered as it is (see ``Relays``)."""
        return await relay(self._wire, path, body, headers)

    async def aclose(self) -> None:
        """Drop the connections (see ``UpstreamServer``)."""
        await self._wire.aclose()
        await self._unkept_wire.aclose()

    def _take(self, models: list[ServedModel], kind: UpstreamKind) -> None:
        """Note what is served now. Engines go whose model is another now; whether it is in memory is none of theirs."""
        served = {model.name: _at_rest(model) for model in models}
        if kind != self._kind:
            self._engines.clear()
        for name in [name for name in self._engines if served.get(name) != self._served.get(name)]:
            del self._engines[name]
        self._models, self._served, self._kind = models, served, kind

    def _new_engine(self, model: str) -> Engine:
        served, kind = self._served.get(model), self._kind
        if served is None or kind is None:
            raise EngineUnreachable(f"{model} has not been seen on {self._settings.name} yet{self._trouble}")
        if kind == "ollama":
            return ollama_engine(self._wire, served)
        if kind == "llama-server":
            if served.context is not None:
                return LlamaCppEngine(self._unkept_wire, Plan(served.context, slots=1))
            kind = "openai"
        return engine_for(kind, self._wire, served, self._settings)

    def _as_set(self, model: ServedModel) -> ServedModel:
        capabilities = self._settings.capabilities
        return model if capabilities is None else replace(model, capabilities=capabilities)


def _at_rest(model: ServedModel) -> ServedModel:
    """A model without what only tells whether it is in memory."""
    return replace(model, is_loaded=True, loaded_context=None, expires_at=None, memory_bytes=0, vram_bytes=0)
