"""The SigLIP of siglip.py as big_vision's npz, in both forms: a group for each block, and all blocks stacked.

Kernels are [in, out], that of the patches [row, column, channel, out], those of attention split into heads.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch

from families.fixture import Family, Tensors
from families.siglip import SIGLIP, siglip, siglip_weights
from shape import Shape

Arrays = dict[str, np.ndarray]
EPOCH = (1980, 1, 1, 0, 0, 0)  # the date of zip entries; the clock's would change the bytes
# Text tower and the two numbers of zero-shot, which a converter of the vision tower leaves out.
OTHERS = {
    "txt/Embed_0/embedding": (8, 8),
    "txt/Encoder_0/encoder_norm/scale": (8,),
    "txt/head/kernel": (8, 8),
    "t": (1,),
    "b": (1,),
}


def dense(name: str, weight: torch.Tensor, bias: torch.Tensor) -> Arrays:
    return {f"{name}/kernel": weight.T.numpy(), f"{name}/bias": bias.numpy()}


def norm(name: str, tensors: Tensors, source: str) -> Arrays:
    return {f"{name}/scale": tensors[f"{source}.weight"].numpy(), f"{name}/bias": tensors[f"{source}.bias"].numpy()}


def mlp(name: str, tensors: Tensors, source: str) -> Arrays:
    first, second = (
        dense(f"{name}/Dense_{i}", tensors[f"{source}.fc{i + 1}.weight"], tensors[f"{source}.fc{i + 1}.bias"])
        for i in range(2)
    )
    return first | second


def attention(name: str, weights: list[torch.Tensor], biases: list[torch.Tensor], heads: int) -> Arrays:
    """query, key and value [C, H, D], out [H, D, C]; given in this order as [out, in]."""
    C = weights[0].shape[0]
    split = (heads, C // heads)
    arrays: Arrays = {}
    for part, weight, bias in zip(("query", "key", "value"), weights, biases, strict=False):
        arrays[f"{name}/{part}/kernel"] = weight.T.reshape(C, *split).numpy()
        arrays[f"{name}/{part}/bias"] = bias.reshape(split).numpy()
    arrays[f"{name}/out/kernel"] = weights[3].T.reshape(*split, C).numpy()
    arrays[f"{name}/out/bias"] = biases[3].numpy()
    return arrays


def block(tensors: Tensors, layer: int, heads: int) -> Arrays:
    source = f"encoder.layers.{layer}"
    names = [f"{source}.self_attn.{part}_proj" for part in ("q", "k", "v", "out")]
    weights, biases = ([tensors[f"{name}.{kind}"] for name in names] for kind in ("weight", "bias"))
    return {
        **norm("LayerNorm_0", tensors, f"{source}.layer_norm1"),
        **norm("LayerNorm_1", tensors, f"{source}.layer_norm2"),
        **attention("MultiHeadDotProductAttention_0", weights, biases, heads),
        **mlp("MlpBlock_0", tensors, f"{source}.mlp"),
    }


def head(tensors: Tensors, heads: int) -> Arrays:
    weights, biases = (
        [*tensors[f"head.attention.in_proj_{kind}"].chunk(3), tensors[f"head.attention.out_proj.{kind}"]]
        for kind in ("weight", "bias")
    )
    return {
        "probe": tensors["head.probe"].numpy(),
        **norm("LayerNorm_0", tensors, "head.layernorm"),
        **attention("MultiHeadDotProductAttention_0", weights, biases, heads),
        **mlp("MlpBlock_0", tensors, "head.mlp"),
    }


def image_arrays(shape: Shape, tensors: Tensors, scanned: bool) -> Arrays:
    kernel = tensors["embeddings.patch_embedding.weight"].permute(2, 3, 1, 0)
    arrays = {
        "embedding/kernel": kernel.numpy(),
        "embedding/bias": tensors["embeddings.patch_embedding.bias"].numpy(),
        "pos_embedding": tensors["embeddings.position_embedding.weight"][None].numpy(),
        **norm("Transformer/encoder_norm", tensors, "post_layernorm"),
    }
    arrays |= {f"MAPHead_0/{name}": array for name, array in head(tensors, shape.heads).items()}
    blocks = [block(tensors, layer, shape.heads) for layer in range(shape.layers)]
    if scanned:
        stacked = {name: np.stack([one[name] for one in blocks]) for name in blocks[0]}
        return arrays | {f"Transformer/encoderblock/{name}": array for name, array in stacked.items()}
    for layer, one in enumerate(blocks):
        arrays |= {f"Transformer/encoderblock_{layer}/{name}": array for name, array in one.items()}
    return arrays


def save_npz(tensors: Tensors, path: Path) -> None:
    """As numpy.savez does, stored without compression, but always with the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, tensor in sorted(tensors.items()):
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(tensor.numpy()))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", EPOCH), buffer.getvalue())


def npz(name: str, prefix: str, scanned: bool, checkpoints: list[str], of: Family) -> Family:
    arrays = {f"img/{key}": array for key, array in image_arrays(SIGLIP, siglip_weights(SIGLIP, 1), scanned).items()}
    noise = np.random.default_rng(7)
    arrays |= {key: noise.normal(size=size).astype(np.float32) for key, size in OTHERS.items()}
    return Family(
        name=name,
        family="big_vision npz",
        reference=of.reference,
        checkpoints=checkpoints,
        layout="big_vision",
        shape=SIGLIP,
        cases=of.cases,
        tensors={prefix + key: torch.from_numpy(array.copy()) for key, array in arrays.items()},
        file=f"{name}.npz",
        save=save_npz,
        goldens_of=of.name,
        note="the tower of siglip-map",
    )


def families() -> list[Family]:
    of = siglip()
    return [
        npz("big-vision", "params/", False, ["webli_en_so400m_384_58765454.npz"], of),
        npz("big-vision-scanned", "", True, ["webli_en_so400m_224_57633886.npz", "siglip2_so400m14_224.npz"], of),
    ]
