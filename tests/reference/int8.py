"""Matrices of the blocks as int8 with one scale for each row, as docs/int8.md describes; in torch."""

import torch

from models import Tensors

MATRIX = (".q_proj.weight", ".k_proj.weight", ".v_proj.weight", ".out_proj.weight", ".fc1.weight", ".fc2.weight")


def quantise(tensors: Tensors, keep: str | None = None) -> Tensors:
    """Matrices become codes beside `….weight_scale`; those with `keep` in their names, and all other tensors, stay."""
    result: Tensors = {}
    for name, tensor in tensors.items():
        if not name.endswith(MATRIX) or (keep and keep in name):
            result[name] = tensor
            continue
        weight = tensor.float()
        scale = (weight.abs().amax(1) / 127).half()
        codes = torch.round(weight / scale.float()[:, None]).clamp(-127, 127)  # torch rounds half to even
        result[name] = torch.where(scale[:, None] > 0, codes, 0).to(torch.int8)
        result[f"{name}_scale"] = scale
    return result


def dequantise(tensors: Tensors) -> Tensors:
    """The numbers that codes and scales stand for, in f32, where they are exact."""
    weights = {name: tensor for name, tensor in tensors.items() if not name.endswith("_scale")}
    return {
        name: tensor.float() * tensors[f"{name}_scale"].float()[:, None] if tensor.dtype == torch.int8 else tensor
        for name, tensor in weights.items()
    }
