"""A projector for SmolLM2-135M: an eye that sees nothing, but goes every way that a real one does.

A vision transformer of one block, in the form of LLaVA's, with random weights: llama.cpp loads it beside the model,
decodes a picture with it and puts as many embeddings into the prompt as the picture has patches.
"""

from pathlib import Path

import gguf
import numpy as np

IMAGE_TOKENS = 16
_SIDE_PIXELS, _PATCH_PIXELS = 56, 14
_WIDTH, _FEED_FORWARD, _HEADS = 64, 128, 4
_TEXT_WIDTH = 576  # SmolLM2-135M's embedding length


def projector(path: Path) -> Path:
    """Write the projector, of 300 KB, and return its path."""
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_vision_projection_dim(_TEXT_WIDTH)
    writer.add_vision_image_size(_SIDE_PIXELS)
    writer.add_vision_patch_size(_PATCH_PIXELS)
    writer.add_vision_embedding_length(_WIDTH)
    writer.add_vision_feed_forward_length(_FEED_FORWARD)
    writer.add_vision_block_count(1)
    writer.add_vision_head_count(_HEADS)
    writer.add_vision_attention_layernorm_eps(1e-5)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_vision_use_gelu(True)
    numbers = np.random.default_rng(1)
    for name, shape in _shapes().items():
        writer.add_tensor(name, (0.02 * numbers.normal(size=shape)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (_WIDTH, 3, _PATCH_PIXELS, _PATCH_PIXELS),
        "v.position_embd.weight": (IMAGE_TOKENS, _WIDTH),
    }
    layers = {
        "v.pre_ln": (_WIDTH,),
        "v.post_ln": (_WIDTH,),
        "v.blk.0.ln1": (_WIDTH,),
        "v.blk.0.ln2": (_WIDTH,),
        **{f"v.blk.0.attn_{part}": (_WIDTH, _WIDTH) for part in ("q", "k", "v", "out")},
        "v.blk.0.ffn_up": (_FEED_FORWARD, _WIDTH),
        "v.blk.0.ffn_down": (_WIDTH, _FEED_FORWARD),
        "mm.0": (_TEXT_WIDTH, _WIDTH),
        "mm.2": (_TEXT_WIDTH, _TEXT_WIDTH),
    }
    for name, shape in layers.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes
