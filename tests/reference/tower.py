"""The reference: transformers' own SigLIP vision tower in torch f32, with NaViT positions.

Positions are the one thing transformers is not asked for: its Idefics2 tower rounds the fraction i/n to float32 and so
looks up a neighbouring row at some n (25, 49, 50, 55, ...), and no two of its releases agree on which. SigLIP's tower
keeps its position ids in a buffer; they are overwritten here by the formula the lookup means.
"""

from dataclasses import dataclass

import torch
from transformers import SiglipVisionConfig, SiglipVisionModel

from shape import Shape


@dataclass
class Encoding:
    tokens: torch.Tensor  # [P, C] after the final norm
    hidden: list[torch.Tensor]  # L + 1 times [P, C]: embeddings, then the output of each block


def navit_ids(grid: tuple[int, int], side: int) -> torch.Tensor:
    """Row of the table for each patch, raster order: floor(S·i/n) per axis."""
    rows = torch.tensor([side * i // grid[0] for i in range(grid[0])])
    columns = torch.tensor([side * i // grid[1] for i in range(grid[1])])
    return (rows[:, None] * side + columns[None, :]).reshape(-1)


def navit_float32_ids(grid: tuple[int, int], side: int) -> torch.Tensor:
    """The same lookup as MiniCPM-V 2.6's released code rounds it on an x86-64 CPU (modeling_navit_siglip.py)."""
    boundaries = torch.arange(1 / side, 1.0, 1 / side)

    def bucket(n: int) -> torch.Tensor:
        fractions = torch.arange(0, 1 - 1e-6, 1 / torch.tensor(n))
        return torch.bucketize(fractions, boundaries, right=True)

    return (bucket(grid[0])[:, None] * side + bucket(grid[1])[None, :]).reshape(-1)


def build_tower(shape: Shape, tensors: dict[str, torch.Tensor]) -> SiglipVisionModel:
    """transformers' tower with these weights (bare names, any float dtype), computing in f32 with plain attention."""
    config = SiglipVisionConfig(
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        image_size=shape.table * shape.patch,
        patch_size=shape.patch,
        hidden_act={"tanh": "gelu_pytorch_tanh", "erf": "gelu"}[shape.gelu],
        layer_norm_eps=1e-6,
        vision_use_head=False,
        attn_implementation="eager",
    )
    with torch.device("meta"):
        model = SiglipVisionModel(config)
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return model.eval()


@torch.inference_mode()
def encode(model: SiglipVisionModel, pixels: torch.Tensor, ids: torch.Tensor) -> Encoding:
    """Encodes pixel values [3, H, W] whose patches look up these rows of the position table."""
    model.embeddings.position_ids = ids[None]
    hidden: list[torch.Tensor] = []
    stages = [model.embeddings, *model.encoder.layers]
    hooks = [stage.register_forward_hook(lambda _, __, output: hidden.append(output[0])) for stage in stages]
    tokens = model(pixel_values=pixels[None]).last_hidden_state[0]
    for hook in hooks:
        hook.remove()
    return Encoding(tokens, hidden)
