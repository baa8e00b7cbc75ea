"""Writes a full-size vision tower with random weights: 417 792 240 bf16 parameters under MiniCPM-V-2_6's names.

    python tests/full/synthesise.py DIR      (DIR/config.json, DIR/model.safetensors: 836 MB)

One tensor at a time is made and written, so that memory stays small.
"""

import json
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))

import torch

from random_tower import random_tensor
from shape import SOVIT_400M

SEED = 448
OUTLIERS = (7, 400, 1033)  # channels with the massive activations that trained towers of this size show
CONFIG = {
    "architectures": ["MiniCPMV"],
    "model_type": "minicpmv",
    "image_size": 448,
    "patch_size": 14,
    "drop_vision_last_layer": False,
    "torch_dtype": "bfloat16",
    "vision_config": {
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "image_size": 980,
        "intermediate_size": 4304,
        "num_attention_heads": 16,
        "num_hidden_layers": 27,
        "patch_size": 14,
    },
}


def full_size_tensor(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = random_tensor(name, shape, SEED)
    if name == "encoder.layers.4.mlp.fc2.bias":
        tensor[list(OUTLIERS)] = torch.tensor([60.0, -40.0, 25.0])
    if name == "post_layernorm.weight":
        tensor[list(OUTLIERS)] = 0.02
    return tensor.to(torch.bfloat16)


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    shapes = SOVIT_400M.tensors()
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in sorted(shapes.items()):
        begin, end = end, end + 2 * math.prod(shape)
        header[f"vpm.{name}"] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    partial = folder / "model.safetensors.partial"
    with partial.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in sorted(shapes.items()):
            file.write(full_size_tensor(name, shape).view(torch.int16).numpy().tobytes())
    partial.rename(folder / "model.safetensors")  # a file of this name is whole


if __name__ == "__main__":
    write(Path(sys.argv[1]))
