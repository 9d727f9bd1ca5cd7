"""What ``/api/show`` answers, as far as the commands look at it.

Every field has a default: the server may be an Ollama of any age.
"""

from typing import Any

from msgspec import Struct


class Details(Struct, frozen=True):
    """The short facts of a model."""

    parent_model: str = ""
    parameter_size: str = ""
    quantization_level: str = ""


class Turn(Struct, frozen=True):
    """One turn that a model brings along."""

    role: str
    content: str = ""


class Tensor(Struct, frozen=True):
    """One tensor of a model's file."""

    name: str
    type: str
    shape: list[int]


class Shown(Struct, frozen=True):
    """A model. What a server leaves out is empty."""

    details: Details = Details()
    # Metadata under the file's own keys, of any JSON type.
    model_info: dict[str, Any] = {}
    projector_info: dict[str, Any] = {}
    capabilities: list[str] = []
    parameters: str = ""
    system: str = ""
    template: str = ""
    license: str = ""
    modelfile: str = ""
    messages: list[Turn] = []
    tensors: list[Tensor] = []
    requires: str = ""
    remote_host: str = ""
    remote_model: str = ""

    @property
    def takes_files(self) -> bool:
        """Whether pictures or sounds in a prompt mean something to it."""
        kinds = {"vision", "audio"} & set(self.capabilities)
        return bool(kinds or self.projector_info or any(".vision." in key for key in self.model_info))

    @property
    def thinks(self) -> bool:
        """Whether it can be told to think before it answers."""
        return "thinking" in self.capabilities
