"""What is known of a model, wherever it lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from arriero.types.chat import Message

# Who answers for a model: a process that this server starts, servers that run elsewhere, or two other models of which a
# router chooses one.
Carrier = Literal["process", "upstream", "router"]
Capability = Literal["completion", "tools", "insert", "vision", "embedding", "thinking", "decision"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers that decide how much memory a model takes. None: the file does not say.

    trained_context: tokens. weights_size_bytes: the file. kv_bytes_per_token: one token's keys and values at 16 bit.
    pooling_type: of a model that embeds: llama.cpp's number for how the vectors of its tokens become one.
    """

    name: str
    weights_size_bytes: int
    trained_context: int | None = None
    embedding_length: int | None = None
    kv_bytes_per_token: int | None = None
    pooling_type: int | None = None


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """What the model says of itself; an empty text is a thing that it does not say."""

    format: str = ""
    family: str = ""
    families: tuple[str, ...] = ()
    parameter_size: str = ""
    quantization_level: str = ""
    parent_model: str = ""


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model that this server can answer with.

    name: as it is listed. carrier: who answers for it. weights: the GGUF file; None where an engine finds the
    weights. reference: then what that engine calls the model; of a router, the side that its name asks for. model_info:
    then what ``/api/show`` tells of it, in place of a file's metadata. instance: tells it from a model of the same
    files, which then is loaded beside it. servers: of those elsewhere that have it, who may be asked; empty for all.
    projector: the GGUF file that lets it see, if any. adapters: GGUF files with
    LoRA weights that belong on top. chat_template: what the engine writes prompts by in place of the file's own: Jinja,
    or a name that it knows.
    digest: 64 hex digits of SHA-256 over the manifest; "" for a bare file, whose own hash takes a while (see
    ``Library.digest``). size_bytes: of all its parts.
    parameters: options of the model's own, under Ollama's names. renderer, parser: what Ollama is to write its prompts
    and to read its answers with, in place of a template. requires: the version of Ollama that it asks for.
    """

    name: str
    weights: Path | None
    digest: str
    size_bytes: int
    modified_at: datetime
    details: ModelDetails
    architecture: Architecture
    capabilities: tuple[Capability, ...] = ("completion",)
    template: str = ""
    system: str = ""
    # Options are the model author's JSON, checked where a request is made of them.
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    licenses: tuple[str, ...] = ()
    projector: Path | None = None
    adapters: tuple[Path, ...] = ()
    chat_template: str = ""
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    carrier: Carrier = "process"
    reference: str = ""
    instance: str = ""
    servers: tuple[str, ...] = ()
    # Its keys and types are the model author's.
    model_info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The GGUF file of a model that has one."""
        assert self.weights is not None
        return self.weights
