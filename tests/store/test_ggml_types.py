from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType

from arriero.store.ggml_types import FILE_TYPES, GGML_TYPES


def test_tensor_types_are_llama_cpps() -> None:
    theirs = {int(kind): (kind.name, *GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType}
    ours = {code: (kind.name, kind.block_elements, kind.block_bytes) for code, kind in GGML_TYPES.items()}
    assert ours == {code: kind for code, kind in theirs.items() if code in ours}
    assert len(ours) >= 34


def test_file_types_are_llama_cpps() -> None:
    theirs = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in LlamaFileType}
    assert {code: theirs[code] for code in FILE_TYPES} == FILE_TYPES
    assert len(FILE_TYPES) >= 35
