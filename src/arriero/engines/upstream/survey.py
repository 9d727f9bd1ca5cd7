"""What a server has, looked at again and again: cheap, and equal to what was seen before as long as nothing changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from arriero.engines.base import ServedModel
from arriero.engines.openai.wire import OpenAIWire
from arriero.engines.upstream import llama_server, ollama, openai, sglang, smg, vllm
from arriero.engines.upstream.kind import detect
from arriero.engines.upstream.list import Listed, list_models, wanted
from arriero.engines.upstream.llama_server import Props
from arriero.engines.upstream.ollama import Tags
from arriero.engines.upstream.questions import PROBE_TIMEOUT_S, Questions
from arriero.engines.upstream.smg import Worker
from arriero.errors import EngineFailed
from arriero.protocol.openai_engine import UNREADABLE
from arriero.types.upstreams import UpstreamKind, UpstreamSettings


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen. The last three are told by servers of one kind only."""

    kind: UpstreamKind
    listed: Sequence[Listed] = ()
    workers: Sequence[Worker] = ()
    props: Props | None = None
    tags: Tags | None = None


async def survey(
    wire: OpenAIWire, questions: Questions, settings: UpstreamSettings, before: Survey | None = None
) -> Survey:
    """Look at a server. before: what was seen last time. Raises EngineFailed, EngineDied."""
    known = settings.kind or (before.kind if before else None)
    if known == "ollama":
        return Survey("ollama", tags=await ollama.list_tags(wire, questions))
    listed = await _listed(wire)
    if settings.kind is None and (before is None or listed != before.listed):
        known = await detect(listed, questions)
    listed = listed or [Listed(model) for model in settings.models.values()]
    match known:
        case None:
            raise EngineFailed(
                "it speaks neither OpenAI's API nor Ollama's there: give the URL as far as /v1, or tell its kind", 502
            )
        case "ollama":
            return Survey(known, tags=await ollama.list_tags(wire, questions))
        case "llama-server":
            props = await wire.get("/props", Props, timeout_s=PROBE_TIMEOUT_S)
            return Survey(known, listed, props=props)
        case "smg":
            return Survey(known, listed, workers=await smg.list_workers(questions))
        case "sglang" | "vllm" | "openai":
            return Survey(known, listed)
    assert_never(known)


async def describe(
    found: Survey, questions: Questions, settings: UpstreamSettings, shown: ollama.Shown
) -> list[ServedModel]:
    """The models that were seen, with all that can be known of them. shown: what an Ollama has told of them before."""
    listed = wanted(found.listed, settings)
    match found.kind:
        case "sglang":
            return await sglang.describe(listed, questions)
        case "vllm":
            return await vllm.describe(listed, questions)
        case "smg":
            return await smg.describe(listed, found.workers)
        case "llama-server":
            assert found.props is not None
            return await llama_server.describe(found.listed, found.props, questions, settings)
        case "ollama":
            assert found.tags is not None
            return await ollama.describe(found.tags, questions, shown)
        case "openai":
            return await openai.describe(listed, questions)
    assert_never(found.kind)


async def _listed(wire: OpenAIWire) -> list[Listed] | None:
    """The models by OpenAI's API; None where the server does not list them so."""
    try:
        return await list_models(wire)
    except EngineFailed as error:
        # Web pages come with any status.
        if error.has_no_route or isinstance(error.__cause__, UNREADABLE):
            return None
        raise
