"""What a server is, from probes that cost it next to nothing: never SGLang's ``/health``, which generates."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from arriero.engines.upstream.list import Listed
from arriero.engines.upstream.questions import Questions
from arriero.types.upstreams import UpstreamKind

# What servers call themselves in their list of models.
_OWNERS: Mapping[str, UpstreamKind] = {
    "sglang": "sglang",
    "vllm": "vllm",
    "llamacpp": "llama-server",
    # smg says so of the models of its workers.
    "self_hosted": "smg",
}


class _Version(Struct):
    version: str


class _Models(Struct):
    models: list[object] | None


async def detect(listed: Sequence[Listed] | None, questions: Questions) -> UpstreamKind | None:
    """The kind of the server with this list of models; None where it speaks nothing that is known here.

    listed: None: it has no such list, as Ollamas before OpenAI's API.
    """
    kinds = {_OWNERS.get(model.owned_by or "") for model in listed or ()}
    if len(kinds) == 1 and (kind := kinds.pop()):
        # A llama-server with several models is a router, which loads the one that a request names: as others do.
        return "openai" if kind == "llama-server" and len(listed or ()) > 1 else kind
    if await _speaks_ollama(questions):
        return "ollama"
    return None if listed is None else "openai"


async def _speaks_ollama(questions: Questions) -> bool:
    # SGLang lists its models as Ollama does, but has no version of Ollama's.
    if await questions.get("/api/version", _Version) is None:
        return False
    return await questions.get("/api/tags", _Models) is not None
