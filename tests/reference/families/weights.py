"""Shapes and seeded values of the tensors beside the tower: pooling head, resampler, mergers."""

import torch

from random_tower import random_tensor

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def head_shapes(C: int, F: int) -> Shapes:
    """SigLIP's pooling head, as transformers names it."""
    return {
        "probe": (1, 1, C),
        "attention.in_proj_weight": (3 * C, C),
        "attention.in_proj_bias": (3 * C,),
        **linear("attention.out_proj", C, C),
        **norm("layernorm", C),
        **linear("mlp.fc1", F, C),
        **linear("mlp.fc2", C, F),
    }


def resampler_shapes(C: int, D: int, queries: int) -> Shapes:
    """The 13 tensors of MiniCPM-V's resampler, for a language model of width D."""
    return {
        "query": (queries, D),
        "proj": (D, D),
        "kv_proj.weight": (D, C),
        "attn.in_proj_weight": (3 * D, D),
        "attn.in_proj_bias": (3 * D,),
        **linear("attn.out_proj", D, D),
        **norm("ln_q", D),
        **norm("ln_kv", D),
        **norm("ln_post", D),
    }


def window_merger_shapes(C: int, F: int) -> Shapes:
    """MiniCPM-V 4.6's merger inside the tower: attention in windows of 2×2, then an MLP over the four."""
    attention = [linear(f"self_attn.{name}_proj", C, C) for name in ("q", "k", "v", "out")]
    shapes = {name: size for part in attention for name, size in part.items()}
    return shapes | {
        **norm("layer_norm1", C),
        **norm("pre_norm", 4 * C),
        **linear("linear_1", 4 * F, 4 * C),
        **linear("linear_2", C, 4 * F),
    }


def final_merger_shapes(C: int, D: int) -> Shapes:
    """MiniCPM-V 4.6's MLP after the tower, to the language model's width D."""
    return {**norm("pre_norm", 4 * C), **linear("linear_1", 4 * C, 4 * C), **linear("linear_2", D, 4 * C)}


def random_weights(shapes: Shapes, seed: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Values by the rules of the tower's, which tell the kind of a tensor by the parts of its name."""
    return {
        name: random_tensor(f"beside.{name.replace('ln_', 'norm_')}", size, seed).to(dtype)
        for name, size in shapes.items()
    }


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def upcast(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in tensors.items()}
