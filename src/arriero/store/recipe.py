"""What a model is to be made of, read out of a request to ``/api/create``. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from arriero.errors import InvalidRequest
from arriero.protocol.go_template_check import check_template
from arriero.protocol.modelfile import is_version
from arriero.protocol.ollama import WireMessage
from arriero.protocol.ollama_create import CreateRequest
from arriero.protocol.ollama_options import merge_options
from arriero.store.records import StoredMessage
from arriero.types.names import ModelName, parse_name, parse_target, split_source

_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")
_QUANTIZATIONS = ("F32", "F16", "Q4_K_S", "Q4_K_M", "Q8_0", "BF16")
_ROLES = ("system", "user", "assistant", "tool")
_INFO_TEXTS = ("model_family", "base_name", "quantization_level", "parameter_size")
_INFO_COUNTS = ("context_length", "embedding_length")


class Overrides(Struct, frozen=True, kw_only=True):
    """What ``info`` states of a model in place of what its files say."""

    capabilities: tuple[str, ...] | UnsetType = UNSET
    model_family: str | UnsetType = UNSET
    base_name: str | UnsetType = UNSET
    quantization_level: str | UnsetType = UNSET
    parameter_size: str | UnsetType = UNSET
    context_length: int | UnsetType = UNSET
    embedding_length: int | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make a model of. "", empty and None: as the base has it.

    base: what the model to begin with is called; "" for none. files, adapters: digests of blobs by the names of the
    files. quantize: the type that the weights must have.
    """

    name: ModelName
    base: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    adapters: Mapping[str, str] = field(default_factory=dict)
    quantize: str = ""
    template: str = ""
    system: str = ""
    licenses: tuple[str, ...] = ()
    # Options are of many types, each checked against its own.
    parameters: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[StoredMessage, ...] | None = None
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    info: Overrides = field(default_factory=Overrides)


def read_recipe(request: CreateRequest) -> Recipe:
    """Check a request and read it. Raises InvalidRequest, in Ollama's words where it would refuse the same."""
    files, adapters = _read_files(request.files), _read_files(request.adapters)
    merge_options(request.parameters)
    if request.draft_quantize and not request.draft_files:
        raise InvalidRequest("--draft-quantize requires a DRAFT model")
    if request.draft_files:
        raise InvalidRequest("draft models are not supported: leave DRAFT out")
    if request.remote_host:
        raise InvalidRequest("models that run elsewhere are not supported: leave remote_host out")
    if request.requires and not is_version(request.requires):
        raise InvalidRequest("requires must be a valid semver (e.g. 0.14.0)")
    check_template(request.template)
    name = parse_target(request.model or request.name)
    if not request.origin and not files:
        raise InvalidRequest("neither 'from' or 'files' was specified" if request.files is UNSET else "unknown type")
    return Recipe(
        name=name,
        base=_read_base(request.origin),
        files=files,
        adapters=adapters,
        quantize=_read_quantization(request.quantize or request.quantization),
        template=request.template,
        system=request.system,
        licenses=_read_licenses(request.license),
        parameters={key: value for key, value in request.parameters.items() if value is not None},
        messages=_read_messages(request.messages),
        renderer=request.renderer,
        parser=request.parser,
        requires=request.requires,
        info=_read_info(request.info),
    )


def parse_digest(text: str) -> str:
    """Return a digest in its usual form, ``sha256:`` and 64 lower-case hex digits. Raises InvalidRequest."""
    if not _DIGEST.fullmatch(text):
        raise InvalidRequest("invalid digest format")
    return text.lower().replace("-", ":")


def _read_files(files: dict[str, str] | UnsetType) -> dict[str, str]:
    found = {}
    for name, digest in (files or {}).items():
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\\" in name:
            raise InvalidRequest("file path must be relative")
        found[name] = parse_digest(digest)
    return found


def _read_base(text: str) -> str:
    if not text.strip():
        return ""
    name, source = split_source(text)
    parse_name(name)
    if source == "cloud":
        raise InvalidRequest("ollama cloud is disabled: a model cannot be made from one in the cloud")
    return name


def _read_quantization(text: str) -> str:
    wanted = "Q4_K_M" if text.upper() == "Q4_K" else text.upper()
    if wanted and wanted not in _QUANTIZATIONS:
        raise InvalidRequest(
            f"unsupported quantization type {wanted} - supported types are {', '.join(_QUANTIZATIONS[:5])}"
        )
    return wanted


def _read_licenses(found: str | list[str] | UnsetType) -> tuple[str, ...]:
    if isinstance(found, UnsetType):
        return ()
    return tuple(text for text in ([found] if isinstance(found, str) else found) if text)


def _read_messages(found: list[WireMessage] | UnsetType) -> tuple[StoredMessage, ...] | None:
    if not found:
        return None
    for message in found:
        if message.role not in _ROLES:
            raise InvalidRequest('message role must be one of "system", "user", or "assistant"')
    return tuple(StoredMessage(message.role, message.content) for message in found)


# What comes is whatever JSON the caller wrote.
def _read_info(info: Mapping[str, Any]) -> Overrides:
    stated: dict[str, Any] = {}
    for key in _INFO_TEXTS:
        if (value := info.get(key)) is not None:
            stated[key] = _checked(key, value, "a string", is_right=isinstance(value, str))
    for key in _INFO_COUNTS:
        if (value := info.get(key)) is not None:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            _checked(key, value, "a number", is_right=is_number)
            stated[key] = int(_checked(key, value, "a non-negative integer", is_right=value >= 0 and value % 1 == 0))
    if (value := info.get("capabilities")) is not None:
        is_right = isinstance(value, list) and all(isinstance(word, str) for word in value)
        stated["capabilities"] = tuple(_checked("capabilities", value, "an array of strings", is_right=is_right))
    return Overrides(**stated)


def _checked(key: str, value: Any, kind: str, *, is_right: bool) -> Any:
    if not is_right:
        raise InvalidRequest(f'info field "{key}" must be {kind}')
    return value
