"""Servers that run elsewhere and are answered from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from arriero.types.models import Capability

# "openai": any other server that speaks OpenAI's API, such as LiteLLM, LM Studio or a hosted one.
UpstreamKind = Literal["sglang", "vllm", "smg", "llama-server", "ollama", "openai"]


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """How one server is reached, and what is said of it.

    name: what it goes by in logs and messages. url: ``http[s]://host[:port][/path]``, without ``/v1`` at its end.
    kind: None: found out. api_key: what it wants to be sent, if anything. ca_file: a PEM file with the authorities
    that its certificate is held against, in place of the system's. connect_timeout_s; read_timeout_s: between two reads
    of an answer. models: its models that are served, by the names they are served under here; empty for all, under
    their own. capabilities: of all its models, in place of what is found out. is_cumulative: pieces of an answer
    repeat all that came before. passes: clients of OpenAI's API get its streams as they come, where they are what this
    server would write; None: by its kind.
    """

    name: str
    url: str
    kind: UpstreamKind | None = None
    api_key: str | None = None
    ca_file: Path | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 600.0
    models: Mapping[str, str] = field(default_factory=dict, hash=False)
    capabilities: tuple[Capability, ...] | None = None
    is_cumulative: bool = False
    passes: bool | None = None
