"""Prints every figure of sovit-nano on held-out scenes: `python evaluate.py`. Ends with 1 when a bar is missed.

The weights run through transformers' own SiglipVisionModel in f32. `--checkpoint` adds a column: the same before rounding
to bf16. `--write FOLDER` keeps the scenes and the figures, for the same figures to be computed by another runtime.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file

import metrics
from backgrounds import HELD_OUT
from model import PATCH, Nano, bake, normalise, plain_tower
from scenes import SMALLEST, Painter, Recipe, Scene

SEED = 2718
TOKENS = 8192  # run at once


@dataclass
class Scenes:
    """Scenes of one size and kind, and the least (of "false fire": the most) that each figure may be; None: no bar."""

    size: tuple[int, int]  # height, width
    objects: tuple[int, int]
    count: int
    bars: dict[str, float | None]


SETS = {
    "single 224": Scenes((224, 224), (1, 1), 400, {"pooled top-1": 0.88, "patch top-1": 0.96}),
    "single 448": Scenes((448, 448), (1, 1), 300, {"pooled top-1": 0.78, "patch top-1": None}),
    "several 224": Scenes(
        (224, 224),
        (2, 6),
        300,
        {"recall": 0.72, "patch top-1": 0.90, "false fire": 0.06, "AUC": 0.96, "AUC centred": 0.97},
    ),
    "several 336": Scenes((336, 336), (2, 6), 150, {"patch top-1": 0.89}),
    "several 448": Scenes(
        (448, 448), (2, 6), 150, {"patch top-1": 0.88, "false fire": None, "AUC": 0.96, "AUC centred": 0.97}
    ),
    "several 448 wide, 224 high": Scenes((224, 448), (2, 6), 150, {"patch top-1": 0.87}),
    "several 224 wide, 448 high": Scenes((448, 224), (2, 6), 150, {"patch top-1": 0.87}),
    "several 896": Scenes((896, 896), (2, 9), 60, {"patch top-1": 0.80}),
}
LESS_IS_BETTER = {"false fire"}


@lru_cache(maxsize=1)
def _painter() -> Painter:
    return Painter(np.random.default_rng(SEED), HELD_OUT, entries=200, renew=0)


def draw(number: int, scenes: Scenes, count: int, seed: int = SEED) -> list[Scene]:
    """The first `count` held-out scenes of a set; the same every time."""
    painter = _painter()
    painter.rng = np.random.default_rng([seed, number])
    recipe = Recipe(scenes.objects, (SMALLEST, 180), split=0.6)
    return [painter.draw(*scenes.size, recipe) for _ in range(count)]


@dataclass
class Weights:
    tower: dict[str, torch.Tensor]  # by the names that SiglipVisionModel loads
    labels: np.ndarray  # [K, C], rows of length 1
    patch_scale: float
    patch_bias: float


def of_folder(folder: Path) -> Weights:
    tower = load_file(folder / "sovit-nano.safetensors")
    beside = load_file(folder / "labels.safetensors")
    bare = {name.removeprefix("vision_model."): value for name, value in tower.items()}
    scale, bias = beside["patch_logit_scale"].exp().item(), beside["patch_logit_bias"].item()
    return Weights(bare, beside["labels"].numpy(), scale, bias)


def of_model(model: Nano) -> Weights:
    with torch.inference_mode():
        labels = model.label_vectors().numpy()
        return Weights(bake(model), labels, model.scales[1].exp().item(), model.biases[1].item())


@torch.inference_mode()
def run(weights: Weights, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels u8 [N, H, W, 3] to tokens [N, P, C] and pooled [N, C]."""
    rows, columns = pixels.shape[1] // PATCH, pixels.shape[2] // PATCH
    tower = plain_tower(weights.tower, rows, columns)
    at_once = max(1, TOKENS // (rows * columns))
    outputs = [tower(normalise(part).permute(0, 3, 1, 2)) for part in torch.from_numpy(pixels).split(at_once)]
    tokens = torch.cat([output.last_hidden_state for output in outputs])
    return tokens.numpy(), torch.cat([output.pooler_output for output in outputs]).numpy()


def figures(weights: Weights, scenes: list[Scene], wanted: list[str]) -> dict[str, float]:
    tokens, pooled = run(weights, np.stack([scene.pixels for scene in scenes]))
    present, label, cover, group = (
        np.stack([getattr(scene, field) for scene in scenes]) for field in ("present", "label", "cover", "group")
    )
    labels = weights.labels
    ways = {
        "pooled top-1": lambda: metrics.pooled_top1(pooled, labels, present),
        "recall": lambda: metrics.recall(pooled, labels, present),
        "patch top-1": lambda: metrics.patch_top1(tokens, labels, label, cover),
        "false fire": lambda: metrics.false_fire(tokens, labels, label, weights.patch_scale, weights.patch_bias),
        "AUC": lambda: metrics.map_auc(tokens, label, cover, centred=False),
        "AUC centred": lambda: metrics.map_auc(tokens, label, cover, centred=True),
    }
    return {name: ways[name]() for name in wanted}


def quick_figures(model: Nano) -> dict[str, float]:
    """A glance for the log while training, on scenes of another seed than the evaluation's."""
    weights = of_model(model)
    found = {}
    for number, name in enumerate(("single 224", "several 224")):
        scenes = draw(number, SETS[name], 128, seed=SEED + 1)
        found |= {f"{name}: {figure}": round(v, 3) for figure, v in figures(weights, scenes, list(SETS[name].bars)).items()}
    return found


def write(path: Path, scenes: list[Scene]) -> None:
    """One set as safetensors: pixels U8 [N, H, W, 3], present I8 [N, K], label I16, cover F32 and group I16 [N, P]."""
    fields = ("pixels", "present", "label", "cover", "group")
    arrays = {field: np.ascontiguousarray(np.stack([getattr(scene, field) for scene in scenes])) for field in fields}
    save_file(arrays, path)


def as_json(scenes: Scenes, file: str, values: dict[str, float]) -> dict[str, object]:
    """A set in figures.json. `most`: the bar is the most that the figure may be, not the least; no bar is null."""
    return {
        "file": file,
        "figures": [
            {"name": name, "value": values[name], "bar": bar, "most": name in LESS_IS_BETTER}
            for name, bar in scenes.bars.items()
        ],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(__file__).parent.parent / "nano", help="what export.py wrote")
    parser.add_argument("--checkpoint", type=Path, help="of train.py, for a column in f32")
    parser.add_argument("--write", type=Path, help="folder for the scenes and figures.json")
    parser.add_argument("--scenes", type=int, default=10**9, help="at most so many of each set")
    options = parser.parse_args()
    columns = {"bf16": of_folder(options.model)}
    if options.checkpoint:
        model = Nano()
        model.load_state_dict(torch.load(options.checkpoint, weights_only=False)["model"])
        columns["f32"] = of_model(model)
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
    missed, kept = 0, {}
    print(f"{'':42}{'scenes':>8}{'bar':>10}" + "".join(f"{name:>8}" for name in columns))
    for number, (name, scenes) in enumerate(SETS.items()):
        drawn = draw(number, scenes, min(scenes.count, options.scenes))
        values = {column: figures(weights, drawn, list(scenes.bars)) for column, weights in columns.items()}
        file = f"{name.replace(',', '').replace(' ', '-')}.safetensors"
        kept[name] = as_json(scenes, file, values["bf16"])
        if options.write:
            write(options.write / file, drawn)
        for figure, bar in scenes.bars.items():
            most = figure in LESS_IS_BETTER
            found = values["bf16"][figure]
            met = bar is None or (found <= bar if most else found >= bar)
            missed += not met
            text = "-" if bar is None else f"{'≤' if most else '≥'} {bar:.2f}"
            row = "".join(f"{value[figure]:8.3f}" for value in values.values())
            print(f"{name + ': ' + figure:42}{len(drawn):8}{text:>10}{row}{'' if met else '  missed'}", flush=True)
    if options.write:
        (options.write / "figures.json").write_text(json.dumps(kept, indent=2) + "\n")
    print(f"{missed} bars missed" if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
