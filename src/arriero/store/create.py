"""Makes a model after a recipe: of another model, of files, and of texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arriero.errors import CloudDisabled, InvalidRequest, LoadFailed
from arriero.store.assembly import Assembly
from arriero.store.blobs import Blob, Blobs
from arriero.store.describe import describe_details, quantization_level
from arriero.store.foreign_json import UnusableJson, decode_foreign
from arriero.store.gguf import GgufFile, read_gguf
from arriero.store.manifest import ConfigBlob, Layer, Manifest
from arriero.store.progress import Progress, ProgressCallback
from arriero.store.recipe import Overrides, Recipe
from arriero.store.sorting import Part, sort_adapter, sort_files

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Base:
    """The model to begin with. short_name: with its tag."""

    short_name: str
    blobs: Blobs
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class BareFile:
    """A GGUF file outside of any store to begin with. name: a model's, "" for none. blob: what the file would be."""

    name: str
    path: Path
    blob: Blob


def assemble(
    assembly: Assembly, blobs: Blobs, base: Base | BareFile | None, recipe: Recipe, progress: ProgressCallback
) -> ConfigBlob:
    """Gather the layers that a recipe asks for, and return what the config says. blobs: of the store to write to.

    Raises InvalidRequest where they do not make a model, CloudDisabled for a base in the cloud.
    """
    config = _begin(assembly, base)
    parts = _add_files(assembly, blobs, recipe, progress)
    weights = _the_weights(assembly, blobs, parts)
    if recipe.adapters:
        _add_adapter(assembly, blobs, recipe.adapters, progress)
    _check_architectures(assembly, blobs, weights)
    _check_quantization(weights, recipe.quantize)
    if parts:
        config = _described(config, weights, parts)
    _add_texts(assembly, blobs, recipe, progress)
    return _with_overrides(config, recipe)


def _begin(assembly: Assembly, base: Base | BareFile | None) -> ConfigBlob:
    match base:
        case Base():
            return _take_over(assembly, base)
        case BareFile(name, path, blob):
            assembly.add_link("model", blob, path, name)
            return _described(ConfigBlob(), read_gguf(path), [])
        case None:
            return ConfigBlob()


def _take_over(assembly: Assembly, base: Base) -> ConfigBlob:
    config = _decode(base.blobs.read(base.manifest.config.digest), ConfigBlob, base.short_name)
    if config.remote_host or config.remote_model:
        raise CloudDisabled("ollama cloud is disabled: a model cannot be made from one in the cloud")
    for layer in base.manifest.layers:
        assembly.reuse(layer, base.blobs, base.short_name)
    return config


def _add_files(assembly: Assembly, blobs: Blobs, recipe: Recipe, progress: ProgressCallback) -> list[Part]:
    kept = {name: assembly.keep(digest) for name, digest in recipe.files.items()}
    if not kept:
        return []
    progress(Progress("parsing GGUF"))
    parts = sort_files({name: blobs.path(blob.digest) for name, blob in kept.items()})
    for part in parts:
        assembly.add_blob(part.kind, kept[part.name])
    return parts


def _the_weights(assembly: Assembly, blobs: Blobs, parts: list[Part]) -> GgufFile:
    found = assembly.of_kind("model")
    if len(found) == 1:
        return read_gguf(blobs.path(found[0].digest))
    if found:
        names = ", ".join(part.name for part in parts if part.kind == "model")
        raise InvalidRequest(f"a model has one file of weights, and here are {len(found)}: choose one ({names})")
    raise InvalidRequest("there are no weights in GGUF format: name a model in from, or a GGUF file in files")


def _add_adapter(assembly: Assembly, blobs: Blobs, adapters: Mapping[str, str], progress: ProgressCallback) -> None:
    kept = {name: assembly.keep(digest) for name, digest in adapters.items()}
    progress(Progress("converting adapter"))
    part = sort_adapter({name: blobs.path(blob.digest) for name, blob in kept.items()})
    assembly.add_blob("adapter", kept[part.name])


def _check_architectures(assembly: Assembly, blobs: Blobs, weights: GgufFile) -> None:
    """Refuse an adapter for another kind of model: the engine would not load it."""
    wanted = weights.metadata.get("general.architecture")
    for layer in assembly.of_kind("adapter"):
        found = read_gguf(blobs.path(layer.digest)).metadata.get("general.architecture")
        if found != wanted:
            raise InvalidRequest(f"the adapter is for models of architecture {found}, and this is one of {wanted}")


def _check_quantization(weights: GgufFile, wanted: str) -> None:
    found = quantization_level(weights)
    if wanted and found != wanted:
        raise InvalidRequest(
            f"arriero cannot quantize: the weights are {found}. Use llama.cpp's "
            f"llama-quantize in.gguf out.gguf {wanted}, then create the model from out.gguf"
        )


def _described(config: ConfigBlob, weights: GgufFile, parts: list[Part]) -> ConfigBlob:
    details = describe_details(weights)
    families = dict.fromkeys((*details.families, *(config.model_families or ())))
    families |= dict.fromkeys(describe_details(part.gguf).family for part in parts if part.kind == "projector")
    return msgspec.structs.replace(
        config,
        model_format=details.format,
        model_family=details.family,
        model_families=tuple(families),
        model_type=details.parameter_size,
        file_type=details.quantization_level,
    )


def _add_texts(assembly: Assembly, blobs: Blobs, recipe: Recipe, progress: ProgressCallback) -> None:
    if recipe.template:
        assembly.replace_content("template", recipe.template.encode())
        progress(Progress("keeping the template to be shown; chats are rendered by the one in the weights"))
    if recipe.system:
        assembly.replace_content("system", recipe.system.encode())
    for text in recipe.licenses:
        assembly.add_content("license", text.encode())
    if recipe.parameters:
        merged = {**_parameters(assembly.of_kind("params"), blobs), **recipe.parameters}
        assembly.replace_content("params", msgspec.json.encode(merged, order="sorted"))
    if recipe.messages is not None:
        assembly.replace_content("messages", msgspec.json.encode(recipe.messages))


# The base's options are its author's JSON.
def _parameters(layers: list[Layer], blobs: Blobs) -> dict[str, Any]:
    return _decode(blobs.read(layers[0].digest), dict[str, Any], "the base") if layers else {}


def _with_overrides(config: ConfigBlob, recipe: Recipe) -> ConfigBlob:
    changes: dict[str, str | int | tuple[str, ...]] = {
        key: value
        for key, value in (("renderer", recipe.renderer), ("parser", recipe.parser), ("requires", recipe.requires))
        if value
    }
    names = {"quantization_level": "file_type", "parameter_size": "model_type"}
    for key in Overrides.__struct_fields__:
        if (value := getattr(recipe.info, key)) is not msgspec.UNSET:
            changes[names.get(key, key)] = value
    return msgspec.structs.replace(config, **changes)


def _decode(content: bytes, kind: type[_T], name: str) -> _T:
    try:
        return decode_foreign(content, kind)
    except UnusableJson as error:
        raise LoadFailed(f"a part of {name} is damaged ({error}); pull it again") from error
