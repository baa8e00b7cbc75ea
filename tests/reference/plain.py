"""The same tower once more, in plain torch and the order of the paper, sharing no code with transformers.

It exists so that the goldens do not rest on one implementation; `check.py` compares the two.
"""

import math

import torch

from shape import Shape


def layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-6) * weight + bias


def gelu(x: torch.Tensor, form: str) -> torch.Tensor:
    if form == "erf":
        return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def patches(pixels: torch.Tensor, p: int) -> torch.Tensor:
    """[3, H, W] to [P, 3·p²], each patch in (channel, row, column) order; what does not fill a patch is cut off."""
    rows, columns = pixels.shape[1] // p, pixels.shape[2] // p
    cut = pixels[:, : rows * p, : columns * p].reshape(3, rows, p, columns, p)
    return cut.permute(1, 3, 0, 2, 4).reshape(rows * columns, 3 * p * p)


def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    P, C = q.shape
    q, k, v = (x.reshape(P, heads, C // heads).transpose(0, 1) for x in (q, k, v))
    scores = q @ k.transpose(1, 2) / math.sqrt(C // heads)
    weights = torch.exp(scores - scores.max(-1, keepdim=True).values)
    return (weights / weights.sum(-1, keepdim=True) @ v).transpose(0, 1).reshape(P, C)


@torch.inference_mode()
def encode(
    shape: Shape, tensors: dict[str, torch.Tensor], pixels: torch.Tensor, ids: torch.Tensor, dtype=torch.float32
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Tokens [P, C] after the final norm, and the stream after the embeddings and after each block."""
    w = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    kernel = w["embeddings.patch_embedding.weight"].reshape(shape.width, -1)
    x = patches(pixels.to(dtype), shape.patch) @ kernel.T + w["embeddings.patch_embedding.bias"]
    x = x + w["embeddings.position_embedding.weight"][ids]
    tokens, hidden = blocks(shape, w, x, range(shape.layers))
    return tokens, [x, *hidden]


def blocks(
    shape: Shape, w: dict[str, torch.Tensor], x: torch.Tensor, layers: range
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The stream through these blocks: after the final norm, and after each block."""

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])

    hidden = []
    for layer in layers:
        block = f"encoder.layers.{layer}"
        y = norm(x, f"{block}.layer_norm1")
        q, k, v = (linear(y, f"{block}.self_attn.{name}_proj") for name in "qkv")
        x = x + linear(attention(q, k, v, shape.heads), f"{block}.self_attn.out_proj")
        y = norm(x, f"{block}.layer_norm2")
        x = x + linear(gelu(linear(y, f"{block}.mlp.fc1"), shape.gelu), f"{block}.mlp.fc2")
        hidden.append(x)
    return norm(x, "post_layernorm"), hidden
