"""The wire types of making, copying and deleting models, and what the command line makes of a Modelfile."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from arriero.protocol.modelfile import Modelfile
from arriero.protocol.ollama import WireMessage


class CreateRequest(Struct, kw_only=True):
    """``POST /api/create``. Older clients say ``name`` for ``model``, and ``quantization`` for ``quantize``."""

    model: str = ""
    name: str = ""
    stream: bool = True
    quantize: str = ""
    quantization: str = ""
    # "from" is a word of Python's own.
    origin: str = field(default="", name="from")
    remote_host: str = ""
    files: dict[str, str] | UnsetType = UNSET
    adapters: dict[str, str] | UnsetType = UNSET
    draft_files: dict[str, str] | UnsetType = UNSET
    draft_quantize: str = ""
    template: str = ""
    license: str | list[str] | UnsetType = UNSET
    system: str = ""
    # Options and overrides are of many types, checked one by one.
    parameters: dict[str, Any] = field(default_factory=dict)
    messages: list[WireMessage] | UnsetType = UNSET
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    info: dict[str, Any] = field(default_factory=dict)


class CopyRequest(Struct):
    """``POST /api/copy``."""

    source: str = ""
    destination: str = ""


class DeleteRequest(Struct):
    """``DELETE /api/delete``. Older clients say ``name`` for ``model``."""

    model: str = ""
    name: str = ""


def create_request(
    model: str, modelfile: Modelfile, files: Mapping[str, Mapping[str, str]], quantize: str = ""
) -> CreateRequest:
    """Ask for what a Modelfile describes.

    files: for each text of a FROM, ADAPTER or DRAFT line that is a path, the files there, which the server has got
    already: their digests by names, which must be relative paths. Two that share a name are told apart by a directory.
    A FROM text that is not in it names a model.
    """
    names = [text for text in modelfile.origins if text not in files]
    messages = [WireMessage(message.role, message.content) for message in modelfile.messages]
    return CreateRequest(
        model=model,
        quantize=quantize,
        origin=names[-1] if names else "",
        files=_gathered(modelfile.origins, files),
        adapters=_gathered(modelfile.adapters, files),
        draft_files=_gathered(modelfile.drafts, files),
        template=modelfile.template,
        license=list(modelfile.licenses) or UNSET,
        system=modelfile.system,
        parameters=dict(modelfile.parameters),
        messages=messages or UNSET,
        renderer=modelfile.renderer,
        parser=modelfile.parser,
        requires=modelfile.requires,
    )


def _gathered(texts: tuple[str, ...], files: Mapping[str, Mapping[str, str]]) -> dict[str, str] | UnsetType:
    digests: dict[str, str] = {}
    for number, text in enumerate(texts):
        for name, digest in files.get(text, {}).items():
            is_taken = digests.get(name, digest) != digest
            digests[f"{number}/{name}" if is_taken else name] = digest
    return digests or UNSET
