"""MiniCPM-V 4.6, 4.7 and MiniCPM-OCR 1.0: a tower that merges 2×2 patches inside, and an MLP that does so again.

The three are one network in transformers; their configs and default modes differ. Names:
- `model.vision_tower.` with `vit_merger` inside, `model.merger.mlp.0.linear_1`: transformers from 5.7, and the file of
  openbmb/MiniCPM-V-4.6 (its header has 432 + 16 + 3 + 2 tensors there, and 6 of `model.merger.mlp`).
- `model.vpm.`, `model.vit_merger.`, `model.merger.mlp.0.mlp.0`: from before; vLLM, SGLang and llama.cpp still take it.
- `vpm.`, `vit_merger.`, `resampler.mlp.0.mlp.0`: OpenBMB's own training code, which llama.cpp's export takes.
"""

import torch
from transformers import (
    MiniCPMOcrConfig,
    MiniCPMOcrForConditionalGeneration,
    MiniCPMV4_6Config,
    MiniCPMV4_6ForConditionalGeneration,
    MiniCPMV4_7Config,
    MiniCPMV4_7ForConditionalGeneration,
)

from families.fixture import Case, Family, Grid, Picture, Tensors, picture
from families.weights import final_merger_shapes, prefixed, random_weights, window_merger_shapes
from models import vision_config
from plain import patches
from random_tower import random_tower
from shape import Shape

SHAPE = Shape(width=8, heads=2, mlp=12, layers=3, table=10)
INSERT = 1  # blocks 0 and 1 see all patches, block 2 a quarter
D = 48  # width of the language model
V4_6 = (MiniCPMV4_6Config, MiniCPMV4_6ForConditionalGeneration)
V4_7 = (MiniCPMV4_7Config, MiniCPMV4_7ForConditionalGeneration)
OCR = (MiniCPMOcrConfig, MiniCPMOcrForConditionalGeneration)
TEXT = {"model_type": "qwen3_5_text", "hidden_size": D, "num_hidden_layers": 1, "vocab_size": 32}


def hub_config(model_type: str, architecture: str, **more: object) -> dict:
    return {
        "architectures": [architecture],
        "image_size": 448,
        "insert_layer_id": INSERT,
        "model_type": model_type,
        "text_config": TEXT,
        "vision_config": vision_config(SHAPE, f"{model_type}_vision"),
        **more,
    }


def merger_weights() -> Tensors:
    """By the names of the hub, bf16."""
    window = random_weights(window_merger_shapes(SHAPE.width, SHAPE.mlp), 46)
    final = random_weights(final_merger_shapes(SHAPE.width, D), 46)
    tensors = prefixed("model.vision_tower.", random_tower(SHAPE, 46) | prefixed("vit_merger.", window))
    return {name: t.bfloat16() for name, t in (tensors | prefixed("model.merger.mlp.0.", final)).items()}


def old_name(name: str) -> str:
    name = name.replace("model.vision_tower.vit_merger.", "model.vit_merger.").replace("vision_tower", "vpm")
    for new, old in (("linear_1", "mlp.0"), ("linear_2", "mlp.2")):
        name = name.replace(f"merger.mlp.0.{new}", f"merger.mlp.0.{old}")
    return name


def oldest_name(name: str) -> str:
    return old_name(name).removeprefix("model.").replace("merger.mlp.0", "resampler.mlp.0")


def build(kind: tuple, config: dict, weights: Tensors):
    """transformers' whole model without its language model's weights, which pictures never reach."""
    settings, architecture = kind
    with torch.device("meta"):
        model = architecture(settings.from_dict(config))
    loaded = model.load_state_dict({name: t.float() for name, t in weights.items()}, strict=False, assign=True)
    assert not loaded.unexpected_keys, loaded.unexpected_keys
    assert all(".language_model." in name or name == "lm_head.weight" for name in loaded.missing_keys)
    return model.eval()


def strip(picture: Picture) -> torch.Tensor:
    """[3, p, p·P]: patches beside each other in raster order, as transformers' processor packs them."""
    p = SHAPE.patch
    return patches(picture.pixels(), p).reshape(-1, 3, p, p).permute(1, 2, 0, 3).reshape(3, p, -1)


@torch.inference_mode()
def case(model, key: str, pictures: list[Picture], merge: str) -> Case:
    """Tokens are those that leave the tower: a quarter in mode 16x, all in 4x; merged ones are a quarter of them."""
    pixels = torch.cat([strip(p) for p in pictures], dim=-1)[None]
    sizes = torch.tensor([p.grid for p in pictures], dtype=torch.int32)
    result = model.model.get_image_features(pixels, sizes, downsample_mode=merge)
    shrink = 4 if merge == "16x" else 1
    tokens = result.last_hidden_state[0].split([p.grid[0] * p.grid[1] // shrink for p in pictures])
    outputs = {f"tokens.{i}": t.clone() for i, t in enumerate(tokens)}
    outputs |= {f"merged.{i}": t for i, t in enumerate(result.pooler_output)}
    return Case(key, pictures, "navit", outputs, {"merge": merge})


def cases(model) -> list[Case]:
    # 12 is more than the table's side; 4x needs a grid of even sides only.
    grids: list[Grid] = [(4, 8), (12, 4)]
    one, two = (picture(seed, grid, SHAPE.patch) for seed, grid in enumerate(grids, start=1))
    return [
        case(model, "4x8-16x", [one], "16x"),
        case(model, "packed-16x", [one, two], "16x"),
        case(model, "6x2-4x", [picture(3, (6, 2), SHAPE.patch)], "4x"),
        case(model, "packed-4x", [one, picture(3, (2, 6), SHAPE.patch)], "4x"),
    ]


def family(name: str, title: str, kind: tuple, config: dict, checkpoints: list[str], **more) -> Family:
    return Family(
        name=name,
        family=title,
        reference=f"transformers 5.23.0 {kind[1].__name__}",
        checkpoints=checkpoints,
        shape=SHAPE,
        cases=cases(build(kind, config, merger_weights())),
        config=config,
        **more,
    )


def families() -> list[Family]:
    weights = merger_weights()
    config = hub_config("minicpmv4_6", "MiniCPMV4_6ForConditionalGeneration", drop_vision_last_layer=False)
    v4_6 = family(
        "minicpmv-4_6", "MiniCPM-V 4.6", V4_6, config, ["openbmb/MiniCPM-V-4.6"],
        layout="model.vision_tower", tensors=weights,
    )
    renamed = {"model.vpm": old_name, "vpm": oldest_name}
    return [
        v4_6,
        family(
            "minicpmv-4_7", "MiniCPM-V 4.7", V4_7, hub_config("minicpmv4_7", "MiniCPMV4_7ForConditionalGeneration"),
            ["openbmb/MiniCPM-V-4.7-1B"], layout="model.vision_tower", shared=v4_6, goldens_of=v4_6.name,
        ),
        family(
            "minicpm-ocr", "MiniCPM-OCR 1.0", OCR,
            hub_config("minicpm_ocr", "MiniCPMOcrForConditionalGeneration", downsample_mode="4x"),
            ["openbmb/MiniCPM-OCR-1.0"], layout="model.vision_tower", shared=v4_6, goldens_of=v4_6.name,
        ),
        *(
            family(
                f"minicpmv-4_6-{layout.replace('.', '-')}", "MiniCPM-V 4.6", V4_6, config, [], layout=layout,
                tensors={rename(name): tensor for name, tensor in weights.items()}, goldens_of=v4_6.name,
                note="names from before the release",
            )
            for layout, rename in renamed.items()
        ),
    ]
