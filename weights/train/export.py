"""Writes the model from a checkpoint of train.py: `python export.py`.

sovit-nano.safetensors   bf16, names of transformers' SigLIP checkpoints (vision_model.…, head included)
labels.safetensors       labels f32 [K, C], rows of length 1; pooled_scale, pooled_bias, patch_scale, patch_bias f32 [1]
labels.json              name and emoji of each row of the table
config.json              as transformers' SiglipVisionModel reads it
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from concepts import EMOJI, NAMES
from model import Nano, bake


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=Path.home() / ".cache/sovit/nano/checkpoint.pt")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "nano")
    options = parser.parse_args()
    model = Nano()
    model.load_state_dict(torch.load(options.checkpoint, weights_only=False)["model"])
    options.out.mkdir(parents=True, exist_ok=True)
    tower = {f"vision_model.{name}": value.bfloat16() for name, value in bake(model).items()}
    save_file(tower, options.out / "sovit-nano.safetensors", {"format": "pt"})
    save_file(beside(model), options.out / "labels.safetensors", {"format": "pt"})
    rows = [{"name": name, "emoji": emoji} for name, emoji in zip(NAMES, EMOJI)]
    (options.out / "labels.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    (options.out / "config.json").write_text(json.dumps(card(model), indent=2) + "\n")


def beside(model: Nano) -> dict[str, torch.Tensor]:
    """The label table, and what makes of a cosine a probability: sigmoid(scale * cosine + bias)."""
    scales, biases = model.scales.detach().exp(), model.biases.detach()
    names = {"pooled": 0, "patch": 1}
    return {
        "labels": model.label_vectors().detach().contiguous(),
        **{f"{name}_scale": scales[i : i + 1].clone() for name, i in names.items()},
        **{f"{name}_bias": biases[i : i + 1].clone() for name, i in names.items()},
    }


def card(model: Nano) -> dict[str, object]:
    config = model.tower.config
    keys = ["hidden_act", "hidden_size", "image_size", "intermediate_size", "layer_norm_eps", "num_attention_heads"]
    keys += ["num_hidden_layers", "patch_size"]
    return {"model_type": "siglip_vision_model", **{key: getattr(config, key) for key in keys}}


if __name__ == "__main__":
    main()
