"""Reads each naming back to transformers' names, by rules of its own: what was written wrongly does not read back."""

import torch

from families.fixture import Tensors

BLOCK = {"LayerNorm_0": "layer_norm1", "LayerNorm_1": "layer_norm2"}
TIMM_BLOCK = {"norm1": "layer_norm1", "norm2": "layer_norm2", "attn.proj": "self_attn.out_proj"}
TIMM_HEAD = {"proj": "attention.out_proj", "norm": "layernorm", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}


def strip(tensors: Tensors, *prefixes: tuple[str, str]) -> Tensors:
    """Tensors under the first prefix that fits, renamed; the others belong to other networks."""
    result = {}
    for name, tensor in tensors.items():
        for old, new in prefixes:
            if name.startswith(old):
                result[new + name[len(old) :]] = tensor
                break
    return result


def from_timm(tensors: Tensors) -> Tensors:
    result: Tensors = {}
    for name, tensor in tensors.items():
        name = name.replace("patch_embed.proj", "embeddings.patch_embedding").replace("blocks.", "encoder.layers.")
        for timm, name_here in TIMM_BLOCK.items():
            name = name.replace(timm, name_here)
        if name.startswith("norm."):
            name = f"post_layernorm.{name[5:]}"
        if name == "pos_embed":
            result["embeddings.position_embedding.weight"] = tensor[0]
        elif ".attn.qkv." in name:
            C = tensor.shape[0] // 3
            for i, part in enumerate("qkv"):
                result[name.replace("attn.qkv", f"self_attn.{part}_proj")] = tensor[i * C : (i + 1) * C]
        elif not name.startswith("attn_pool."):
            result[name] = tensor
    if "attn_pool.latent" in tensors:
        pool = strip(tensors, ("attn_pool.", ""))
        result["head.probe"] = pool["latent"]
        for kind in ("weight", "bias"):
            result[f"head.attention.in_proj_{kind}"] = torch.cat([pool[f"q.{kind}"], pool[f"kv.{kind}"]])
            result |= {f"head.{name}.{kind}": pool[f"{timm}.{kind}"] for timm, name in TIMM_HEAD.items()}
    return result


def unscanned(tensors: Tensors) -> Tensors:
    result: Tensors = {}
    for name, tensor in tensors.items():
        before, stacked, after = name.partition("/encoderblock/")
        if not stacked:
            result[name] = tensor
            continue
        result |= {f"{before}/encoderblock_{layer}/{after}": one for layer, one in enumerate(tensor)}
    return result


def from_big_vision(tensors: Tensors, C: int) -> Tensors:
    """The reshapes of transformers' convert_siglip_to_hf.py: kernels as [·, C] for attention, then transposed."""
    result: Tensors = {}
    merged: dict[str, dict[str, torch.Tensor]] = {"kernel": {}, "bias": {}}
    for name, tensor in unscanned(strip(tensors, ("params/img/", ""), ("img/", ""))).items():
        path = name.split("/")
        kind = {"kernel": "weight", "scale": "weight"}.get(path[-1], path[-1])
        attention = next((part for part in ("query", "key", "value", "out") if part in path), None)
        if attention:
            tensor = tensor.reshape(-1) if kind == "bias" else tensor.reshape(C, C).T
        elif "Dense_0" in path or "Dense_1" in path:
            tensor = tensor.T if kind == "weight" else tensor
        if path[0] == "embedding":
            result[f"embeddings.patch_embedding.{kind}"] = tensor.permute(3, 2, 0, 1) if kind == "weight" else tensor
        elif path[0] == "pos_embedding":
            result["embeddings.position_embedding.weight"] = tensor[0]
        elif path[1] == "encoder_norm":
            result[f"post_layernorm.{kind}"] = tensor
        elif path[0] == "MAPHead_0" and attention and attention != "out":
            merged[path[-1]][attention] = tensor
        else:
            at = "head" if path[0] == "MAPHead_0" else f"encoder.layers.{path[1].removeprefix('encoderblock_')}"
            result[f"{at}.{big_vision_part(path, attention)}" + ("" if path[-1] == "probe" else f".{kind}")] = tensor
    for kind, parts in merged.items():
        name = f"head.attention.in_proj_{'weight' if kind == 'kernel' else 'bias'}"
        result[name] = torch.cat([parts[part] for part in ("query", "key", "value")])
    return result


def big_vision_part(path: list[str], attention: str | None) -> str:
    head = path[0] == "MAPHead_0"
    if attention:
        return "attention.out_proj" if head else f"self_attn.{'out' if attention == 'out' else attention[0]}_proj"
    if "MlpBlock_0" in path:
        return "mlp.fc1" if "Dense_0" in path else "mlp.fc2"
    return path[-1] if head and path[-1] == "probe" else "layernorm" if head else BLOCK[path[2]]


def bare_names(layout: str, tensors: Tensors, shape: dict) -> Tensors:
    """Tower by bare names, head under `head.`, and so on."""
    if layout == "big_vision":
        return from_big_vision(tensors, shape["width"])
    if layout == "timm":
        return from_timm(tensors)
    if layout == "vpm.timm":
        return from_timm(strip(tensors, ("vpm.", "")))
    tower = *((f"{prefix}.", "") for prefix in ("model.vision_tower", "model.vision_model", "vision_model", "model.vpm", "vpm")),
    mergers = ("model.vit_merger.", "vit_merger."), ("vit_merger.", "vit_merger."), ("model.merger.", "merger.")
    old_merger = "resampler.mlp.", "merger.mlp."
    result = strip(tensors, *tower, *mergers, old_merger, ("resampler.", "resampler."))
    for old, new in (("merger.mlp.0.mlp.0", "merger.mlp.0.linear_1"), ("merger.mlp.0.mlp.2", "merger.mlp.0.linear_2")):
        result = {name.replace(old, new): tensor for name, tensor in result.items()}
    kernel = result["embeddings.patch_embedding.weight"]
    if kernel.dim() == 2:  # NaFlex: patches in (row, column, channel) order
        p = shape["patch"]
        result["embeddings.patch_embedding.weight"] = kernel.reshape(-1, p, p, 3).permute(0, 3, 1, 2)
    return result
