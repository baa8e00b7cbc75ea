"""Writes the tiny checkpoints and torch's outputs for them. Twice gives the same bytes.

    python tests/reference/make_goldens.py
"""

import json
import os
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

import tower
from int8 import dequantise, quantise
from models import MODELS, TinyModel, tower_tensors, write_model
from pixels import test_bytes, test_pixels
from random_tower import random_tower
from shape import Shape

FIXTURES = Path(__file__).parents[1] / "fixtures"
MAX_ROWS = 48  # rows of a golden; larger grids keep evenly spaced ones, the first and the last among them


def position_ids(mode: str, grid: tuple[int, int], side: int) -> torch.Tensor:
    if mode == "table":
        assert grid == (side, side)
        return torch.arange(side * side)
    return {"navit": tower.navit_ids, "navit-float32": tower.navit_float32_ids}[mode](grid, side)


def kept_rows(patches: int) -> torch.Tensor:
    return torch.linspace(0, patches - 1, min(patches, MAX_ROWS), dtype=torch.float64).round().long()


def golden(model, shape: Shape, grid: tuple[int, int], mode: str, seed: int) -> tuple[dict, dict[str, torch.Tensor]]:
    """One picture's entry in the manifest, and its expected tensors."""
    # Some pixels beyond the last whole patch: the convolution ignores them, and so must we.
    height, width = grid[0] * shape.patch + seed % 3, grid[1] * shape.patch + seed % 5
    pixels = torch.from_numpy(test_pixels(seed, height, width))
    result = tower.encode(model, pixels, position_ids(mode, grid, shape.table))
    rows = kept_rows(grid[0] * grid[1])
    key = f"{grid[0]}x{grid[1]}"
    tensors = {f"{key}.rows": rows.int(), f"{key}.tokens": result.tokens[rows]}
    tensors |= {f"{key}.hidden.{layer}": hidden[rows] for layer, hidden in enumerate(result.hidden)}
    entry = {"key": key, "grid": grid, "positions": mode, "pixels": {"seed": seed, "height": height, "width": width}}
    return entry, {name: tensor.contiguous() for name, tensor in tensors.items()}


def write_goldens(name: str, shape: Shape, weights: dict, grids: dict[tuple[int, int], str]) -> dict:
    model = tower.build_tower(shape, weights)
    entries, tensors = [], {}
    for seed, (grid, mode) in enumerate(grids.items(), start=1):
        entry, expected = golden(model, shape, grid, mode, seed)
        entries.append(entry)
        tensors |= expected
    file = FIXTURES / "goldens" / f"{name}.safetensors"
    save_file(tensors, file)
    fields = ("width", "heads", "mlp", "layers", "table", "patch", "gelu")
    return {"goldens": f"goldens/{file.name}", "shape": {f: getattr(shape, f) for f in fields}, "cases": entries}


def tiny_entry(model: TinyModel) -> dict:
    files = write_model(model, FIXTURES / "models" / model.name)
    tensors = tower_tensors(model)
    used = {name: tensors[name] for name in model.shape.tensors()}
    names = {torch.bfloat16: "BF16", torch.float16: "F16", torch.float32: "F32"}
    return {
        "name": model.name,
        "folder": f"tests/fixtures/models/{model.name}",
        "files": files,
        "layout": model.prefix.rstrip(".") or "bare",
        "dtypes": sorted({names[tensor.dtype] for tensor in used.values()}),
        **write_goldens(model.name, model.shape, used, model.grids),
    }


def int8_entry(name: str, of: str, keep: str | None, grids: dict[tuple[int, int], str]) -> dict:
    """A tiny checkpoint, quantised; torch computes with the numbers that its codes stand for."""
    model = next(model for model in MODELS if model.name == of)
    tensors = quantise(tower_tensors(model), keep)
    folder = FIXTURES / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    save_file({model.prefix + key: tensor for key, tensor in tensors.items()}, folder / "model.safetensors")
    return {
        "name": name,
        "folder": f"tests/fixtures/models/{name}",
        "files": ["model.safetensors"],
        "layout": model.prefix.rstrip(".") or "bare",
        "of": f"tests/fixtures/models/{of}",
        **write_goldens(name, model.shape, dequantise(tensors), grids),
    }


def full_table_entry() -> dict:
    """Heads of 72 and the table of 70x70 positions, as SoViT-400m has them; smooth patch filters."""
    shape = Shape(width=144, heads=2, mlp=528, layers=4, table=70)
    grids = {(1, 1): "navit", (2, 3): "navit", (32, 32): "navit", (3, 143): "navit"}
    weights = {name: tensor.bfloat16() for name, tensor in random_tower(shape, seed=14).items()}
    folder = FIXTURES / "models" / "sovit-tiny"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({f"vpm.{name}": tensor for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    config = {
        "model_type": "siglip_vision_model",
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_size": shape.width,
        "image_size": shape.table * shape.patch,
        "intermediate_size": shape.mlp,
        "layer_norm_eps": 1e-6,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "patch_size": shape.patch,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return {
        "name": "sovit-tiny",
        "folder": "tests/fixtures/models/sovit-tiny",
        "files": ["model.safetensors"],
        "layout": "vpm",
        "dtypes": ["BF16"],
        **write_goldens("sovit-tiny", shape, weights, grids),
    }


def pixel_checks() -> list[dict]:
    """Sums by which pixels.ts proves that it makes the same pictures: of the bytes, and of the floats' bits."""
    checks = []
    for seed, height, width in ((1, 14, 14), (2, 37, 61), (9, 448, 448)):
        bits = test_pixels(seed, height, width).view(np.uint32).astype(np.uint64)
        weights = np.arange(1, bits.size + 1, dtype=np.uint64) % 65521
        checks.append({
            "seed": seed, "height": height, "width": width,
            "bytes": int((test_bytes(seed, height, width).reshape(-1) * weights).sum()),
            "bits": int((bits.reshape(-1) % 65521 * weights).sum()),
        })
    return checks


def main() -> None:
    torch.set_num_threads(1)  # the order of summation must not depend on the machine's cores
    os.makedirs(FIXTURES / "goldens", exist_ok=True)
    manifest = {
        "madeBy": "tests/reference/make_goldens.py",
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "pixels": pixel_checks(),
        "models": [
            *map(tiny_entry, MODELS),
            full_table_entry(),
            int8_entry("int8-bf16", "minicpmv-sharded-bf16", None, {(7, 5): "navit", (24, 43): "navit"}),
            # k apart from q and v, which a fused kernel must notice.
            int8_entry("int8-mixed", "bare-mixed", "k_proj", {(2, 3): "navit", (16, 16): "table"}),
        ],
    }
    (FIXTURES / "goldens.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()
