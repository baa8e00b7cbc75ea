"""Writes the model from a checkpoint of train.py: `python export.py`.

sovit-nano.safetensors   bf16, names of transformers' SigLIP checkpoints (vision_model.…, head included)
labels.safetensors       labels f32 [K, C], rows of length 1; pooled_logit_scale, pooled_logit_bias, patch_… f32 [1]; names and
                         emoji of the rows as JSON lists in its metadata
expected.safetensors     pixel values of a small picture, and what transformers makes of them with these weights
config.json              as transformers' SiglipVisionModel reads it
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from concepts import EMOJI, NAMES
from model import PATCH, Nano, bake, plain_tower

GRID = (3, 4)  # of the picture to compare by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path.home() / ".cache/sovit/nano/checkpoint.pt")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "nano")
    options = parser.parse_args()
    model = Nano()
    model.load_state_dict(torch.load(options.checkpoint, weights_only=False)["model"])
    options.out.mkdir(parents=True, exist_ok=True)
    tower = {f"vision_model.{name}": value.bfloat16() for name, value in bake(model).items()}
    text = json.dumps(card(model), indent=2)
    # Recorded too: a page then asks for no config.json, which bundlers do not know of.
    save_file(tower, options.out / "sovit-nano.safetensors", {"format": "pt", "sovit.config": text})
    names = {"names": json.dumps(NAMES), "emoji": json.dumps(EMOJI, ensure_ascii=False)}
    save_file(beside(model), options.out / "labels.safetensors", {"format": "pt", **names})
    save_file(expected(tower), options.out / "expected.safetensors", {"format": "pt"})
    (options.out / "config.json").write_text(text + "\n")


def beside(model: Nano) -> dict[str, torch.Tensor]:
    """The label table, and what makes of a cosine a probability: sigmoid(exp(logit_scale) * cosine + logit_bias)."""
    scales, biases = model.scales.detach(), model.biases.detach()
    names = {"pooled": 0, "patch": 1}
    return {
        "labels": model.label_vectors().detach().contiguous(),
        **{f"{name}_logit_scale": scales[i : i + 1].clone() for name, i in names.items()},
        **{f"{name}_logit_bias": biases[i : i + 1].clone() for name, i in names.items()},
    }


@torch.inference_mode()
def expected(tower: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Pixel values [3, H, W] of noise, smooth and even, and their tokens [P, C] and embedding [C]."""
    rows, columns = GRID
    noise = torch.rand(1, 3, rows * PATCH, columns * PATCH, generator=torch.Generator().manual_seed(14)) * 2 - 1
    pixels = (noise + torch.nn.functional.avg_pool2d(noise, 9, 1, 4, count_include_pad=False) * 3).clamp(-1, 1)
    bare = {name.removeprefix("vision_model."): value for name, value in tower.items()}
    output = plain_tower(bare, rows, columns)(pixels)
    return {
        "pixel_values.0": pixels[0].contiguous(),
        "last_hidden_state.0": output.last_hidden_state[0].contiguous(),
        "pooler_output.0": output.pooler_output[0].contiguous(),
        "grid.0": torch.tensor(GRID, dtype=torch.int32),
    }


def card(model: Nano) -> dict[str, object]:
    config = model.tower.config
    keys = ["hidden_act", "hidden_size", "image_size", "intermediate_size", "layer_norm_eps", "num_attention_heads"]
    keys += ["num_hidden_layers", "patch_size"]
    return {"model_type": "siglip_vision_model", **{key: getattr(config, key) for key in keys}}


if __name__ == "__main__":
    main()
