"""What lies behind the tower at full width, by the command line, against torch: on demand, as it takes minutes.

    python tests/full/heads.py      (after npm run build; needs tests/reference/requirements.txt)

Three checkpoints of one to three blocks of 1152 channels with random weights: MiniCPM-V 2.6's resampler of 64 queries × 3584,
SigLIP's pooling head, MiniCPM-V 4.6's mergers. Prints the NMSE of each result in f32, and fails above 1e-9.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))

import torch
from safetensors.torch import load_file, save_file

import tower
from families import merger
from families.fixture import picture
from families.minicpmv import config as minicpmv_config
from families.resampler import Resampler
from families.siglip import build_siglip, file_tensors, siglip_case, siglip_weights
from families.weights import prefixed, random_weights, resampler_shapes
from models import siglip_config
from random_tower import random_tower
from shape import Shape

BOUND = 1e-9
NAMES = {"tokens": "last_hidden_state", "pooled": "pooler_output"}
WIDE = {"width": 1152, "heads": 16, "mlp": 4304}
Checkpoint = tuple[dict, dict, list, dict]  # tensors, config.json, pictures, outputs


def resampler() -> Checkpoint:
    shape = Shape(**WIDE, layers=1, table=70)
    vpm = {name: tensor.bfloat16() for name, tensor in random_tower(shape, 5).items()}
    weights = random_weights(resampler_shapes(shape.width, 3584, 64), 5, torch.bfloat16)
    pictures = [picture(1, (32, 32), 14), picture(2, (24, 43), 14)]
    model = tower.build_tower(shape, vpm)
    tokens = [tower.encode(model, p.pixels(), tower.navit_ids(p.grid, shape.table)).tokens for p in pictures]
    resampled = Resampler(weights)(tokens, [p.grid for p in pictures])
    outputs = {f"tokens.{i}": t for i, t in enumerate(tokens)} | {f"resampled.{i}": t for i, t in enumerate(resampled)}
    tensors = prefixed("vpm.", vpm) | prefixed("resampler.", weights)
    return tensors, minicpmv_config(shape, 64, 3584), pictures, outputs


def pooling() -> Checkpoint:
    shape = Shape(**WIDE, layers=1, table=27)
    weights = siglip_weights(shape, 6)
    case = siglip_case(build_siglip(shape, weights), shape, picture(3, (32, 32), 14))
    return file_tensors(weights, 6), siglip_config(shape, "gelu_pytorch_tanh"), case.pictures, case.outputs


def mergers() -> Checkpoint:
    merger.SHAPE = Shape(**WIDE, layers=3, table=70)
    config = merger.hub_config("minicpmv4_6", "MiniCPMV4_6ForConditionalGeneration", drop_vision_last_layer=False)
    weights = merger.merger_weights()
    model = merger.build(merger.V4_6, config, weights)
    case = merger.case(model, "", [picture(4, (32, 32), 14), picture(5, (24, 44), 14)], "16x")
    return weights, config, case.pictures, case.outputs


def node() -> list[str]:
    found = subprocess.run(["node", "scripts/adapter.mjs", "dawn"], capture_output=True)
    return ["node"] if found.returncode == 0 else ["bash", "scripts/mesa.sh", "--", "node"]


def measure(name: str, checkpoint: Checkpoint, folder: Path) -> list[float]:
    tensors, config, pictures, outputs = checkpoint
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    pixels, out = folder / "pixels.safetensors", folder / "out.safetensors"
    save_file({f"pixel_values.{i}": p.pixels() for i, p in enumerate(pictures)}, pixels)
    command = [*node(), "dist/cli.js", "encode", "--pixels", pixels, "--model", folder, "--out", out]
    subprocess.run([*command, "--precision", "f32", "--runtime", "node"], check=True, stdout=subprocess.DEVNULL)
    found, errors = load_file(out), []
    for key, expected in outputs.items():
        what, i = key.split(".")
        got, expected = found[f"{NAMES.get(what, what)}.{i}"].double(), expected.double()
        errors.append((((got - expected) ** 2).sum() / (expected**2).sum()).item())
        print(f"{name:10} {key:12} {str(list(got.shape)):14} NMSE {errors[-1]:.1e}")
    return errors


errors = []
for make in (resampler, pooling, mergers):
    with tempfile.TemporaryDirectory() as folder:
        errors += measure(make.__name__, make(), Path(folder))
sys.exit(0 if max(errors) <= BOUND else f"above {BOUND}")
