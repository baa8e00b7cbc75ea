"""Checks the reference against two others: the plain tower, and transformers' Idefics2 tower where positions agree.

    python tests/reference/check.py
"""

import sys

import torch
from transformers import Idefics2VisionConfig
from transformers.models.idefics2.modeling_idefics2 import Idefics2VisionTransformer

import plain
from pixels import test_pixels
from random_tower import random_tower
from shape import Shape
from tower import build_tower, encode, navit_ids

BOUND = 1e-11  # NMSE; f32 rounding of a few blocks is about 1e-13, another GELU 1e-8


def nmse(x: torch.Tensor, reference: torch.Tensor) -> float:
    x, reference = x.double(), reference.double()
    return (((x - reference) ** 2).sum() / (reference**2).sum()).item()


def idefics2_tokens(shape: Shape, tensors: dict, pixels: torch.Tensor) -> torch.Tensor:
    config = Idefics2VisionConfig(
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        image_size=shape.table * shape.patch,
        patch_size=shape.patch,
        attn_implementation="eager",
    )
    model = Idefics2VisionTransformer(config).eval()
    model.load_state_dict(tensors)
    with torch.inference_mode():
        return model(pixel_values=pixels[None]).last_hidden_state[0]


def main() -> int:
    failures = 0

    def report(what: str, error: float) -> None:
        nonlocal failures
        failures += not error <= BOUND
        print(f"{what:<44} NMSE {error:.1e} {'' if error <= BOUND else 'FAILED'}")

    for gelu in ("tanh", "erf"):
        shape = Shape(width=144, heads=2, mlp=100, layers=3, table=70, gelu=gelu)
        tensors = random_tower(shape, seed=1)
        model = build_tower(shape, tensors)
        for grid in ((1, 1), (7, 5), (32, 32), (24, 43)):
            pixels = torch.from_numpy(test_pixels(2, grid[0] * 14 + 3, grid[1] * 14))
            ids = navit_ids(grid, shape.table)
            got = encode(model, pixels, ids)
            tokens, hidden = plain.encode(shape, tensors, pixels, ids)
            where = f"{gelu} {grid[0]}x{grid[1]}"
            report(f"{where} transformers against plain", nmse(got.tokens, tokens))
            report(f"{where} worst hidden state", max(map(nmse, got.hidden, hidden)))
            exact, _ = plain.encode(shape, tensors, pixels, ids, dtype=torch.float64)
            report(f"{where} transformers against plain f64", nmse(got.tokens, exact))
            if gelu == "tanh":
                report(f"{where} SigLIP against Idefics2", nmse(got.tokens, idefics2_tokens(shape, tensors, pixels)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
