"""SGLang or vLLM as a process of this server's own: how it is started, and how it becomes an engine."""

import sys
from dataclasses import replace
from pathlib import PurePath
from typing import NoReturn

from arriero.engines.base import Engine, Launch, LaunchSpec, Plan
from arriero.engines.llama_cpp.loopback import LoopbackConnector
from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.own_server import sglang, vllm
from arriero.engines.own_server.flags import OwnServerKind, OwnServerSettings
from arriero.engines.own_server.profiles import Parsers, parsers_for
from arriero.engines.upstream.server import connect
from arriero.errors import EngineFailed, EngineUnreachable
from arriero.types.chat import TextRequest
from arriero.types.events import EventStream
from arriero.types.models import Capability, ModelRecord
from arriero.types.upstreams import UpstreamSettings

_HOST = "127.0.0.1"
# What answers 200 as soon as requests can be answered, and costs nothing. SGLang's /health generates a token.
_PROBES: dict[OwnServerKind, str] = {"sglang": "/ready", "vllm": "/health"}
# What SGLang had before /ready.
_OLDER_PROBE = "/model_info"


def launch(record: ModelRecord, plan: Plan, settings: OwnServerSettings, port: int, api_key: str) -> Launch:
    """How to start and reach an engine for one model, listening on a port of the loopback interface."""
    parsers = _parsers_of(record, settings.kind)
    # What lies in the user's directory under the name of a module is not that module.
    environment = {"PYTHONSAFEPATH": "1", **settings.environment}
    key: str | None = None
    if settings.kind == "sglang":
        words = sglang.command(record.reference, settings, parsers, port)
    else:
        words = vllm.command(record.reference, settings, parsers, port)
        environment |= vllm.variables(settings, api_key)
        key = api_key
    spec = LaunchSpec(
        argv=(sys.executable, "-P", "-m", "arriero.engines.own_server.supervisor", settings.python, *words),
        environment=environment,
        shown_as=settings.kind,
    )
    reached = UpstreamSettings(settings.kind, f"http://{_HOST}:{port}", settings.kind, key)
    # It compiles, downloads, or waits for other machines, and shows how far it is.
    return Launch(spec, plan, lambda: StartingServer(reached, port), is_watched=False)


def with_parsers(record: ModelRecord, settings: OwnServerSettings) -> ModelRecord:
    """The model, with the abilities that come of the parsers that its engine is given."""
    parsers, passed = _parsers_of(record, settings.kind), settings.passed
    thinks = parsers.reasoning is not None or passed.has("--reasoning-parser")
    # A template that shows no tools drops them without a word; of one that is not known the parser tells.
    calls = passed.has("--tool-call-parser") and not record.template
    found: dict[Capability, bool] = {"tools": calls, "thinking": thinks}
    added = [ability for ability, is_there in found.items() if is_there and ability not in record.capabilities]
    return replace(record, capabilities=(*added, *record.capabilities))


def _parsers_of(record: ModelRecord, kind: OwnServerKind) -> Parsers:
    return parsers_for(kind, record.architecture.name, PurePath(record.reference).name, record.template)


class StartingServer:
    """A server that is starting: an engine that can do nothing but become one (see ``Arrives``)."""

    def __init__(self, settings: UpstreamSettings, port: int) -> None:
        assert settings.kind in _PROBES
        self._probe = _PROBES[settings.kind]
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._wire = OpenAIWire(settings.url, headers, LoopbackConnector(_HOST, port))
        self._server = connect(settings)

    async def health(self) -> bool:
        """Whether it is up."""
        if await self._wire.is_ready(self._probe):
            return True
        return self._probe == "/ready" and await self._is_older() and await self._wire.is_ready(_OLDER_PROBE)

    async def arrive(self, plan: Plan) -> tuple[Engine, Plan]:
        """Who answers for its one model, and the context that it has."""
        models = await self._server.look()
        if not models:
            raise EngineFailed("the engine runs, and serves no model")
        return self._server.engine(models[0].name), replace(plan, context=models[0].context or plan.context)

    def generate(self, _request: TextRequest) -> EventStream:
        """Refuse: nobody asks before it has arrived."""
        self._refuse()

    async def aclose(self) -> None:
        """Drop the connections, those of the engine that it has become among them."""
        await self._wire.aclose()
        await self._server.aclose()

    def _refuse(self) -> NoReturn:
        raise EngineUnreachable("the engine is still starting; try again")

    async def _is_older(self) -> bool:
        """Whether it is up without knowing the probe."""
        try:
            await self._wire.get(self._probe, dict, timeout_s=5.0)
        except EngineFailed as error:
            return error.status == 404
        return False
