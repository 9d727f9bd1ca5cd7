"""OpenAI's list of models: wire types, and what they are made of. Pure."""

from msgspec import Struct

from arriero.errors import InvalidRequest
from arriero.types.models import ModelRecord
from arriero.types.names import DEFAULT_NAMESPACE, parse_name


class OpenAIModel(Struct):
    """One entry of ``GET /v1/models``; ``created`` in Unix seconds."""

    id: str
    object: str
    created: int
    owned_by: str


class OpenAIModelList(Struct):
    """``GET /v1/models``."""

    object: str
    data: list[OpenAIModel]


def model_object(record: ModelRecord, name: str) -> OpenAIModel:
    """A model by the name that it is asked for or listed under; its owner is the namespace of its own."""
    return OpenAIModel(name, "model", int(record.modified_at.timestamp()), _owner(record.name))


def _owner(name: str) -> str:
    try:
        return parse_name(name).namespace
    except InvalidRequest:
        return DEFAULT_NAMESPACE
