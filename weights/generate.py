"""Writes the built-in model and torch's outputs for one small picture. Twice gives the same bytes.

    pip install -r tests/reference/requirements.txt && python weights/generate.py
"""

import json
import sys
from pathlib import Path

WEIGHTS = Path(__file__).parent
sys.path.insert(0, str(WEIGHTS.parent / "tests" / "reference"))

import torch
from safetensors.torch import save_file

from pixels import test_pixels
from random_tower import random_tower
from shape import Shape
from tower import build_tower, encode, navit_ids

SEED = 14
SHAPE = Shape(width=144, heads=2, mlp=528, layers=4, table=70)
GRID = (3, 4)
CONFIG = {
    "model_type": "siglip_vision_model",
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_size": SHAPE.width,
    "image_size": SHAPE.table * SHAPE.patch,
    "intermediate_size": SHAPE.mlp,
    "layer_norm_eps": 1e-6,
    "num_attention_heads": SHAPE.heads,
    "num_hidden_layers": SHAPE.layers,
    "patch_size": SHAPE.patch,
}


def main() -> None:
    torch.set_num_threads(1)
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in random_tower(SHAPE, SEED).items()}
    named = {f"vpm.{name}": tensor for name, tensor in weights.items()}
    save_file(named, WEIGHTS / "sovit-tiny.safetensors", {"format": "pt"})
    (WEIGHTS / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    pixels = torch.from_numpy(test_pixels(1, GRID[0] * SHAPE.patch, GRID[1] * SHAPE.patch))
    tokens = encode(build_tower(SHAPE, weights), pixels, navit_ids(GRID, SHAPE.table)).tokens
    expected = {"pixel_values.0": pixels, "last_hidden_state.0": tokens, "grid.0": torch.tensor(GRID, dtype=torch.int32)}
    save_file(expected, WEIGHTS / "expected.safetensors")


if __name__ == "__main__":
    main()
