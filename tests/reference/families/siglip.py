"""SigLIP and SigLIP 2 with their pooling head, through transformers' classes: fixed grids, and NaFlex."""

import torch
from transformers import Siglip2VisionConfig, Siglip2VisionModel, SiglipVisionConfig, SiglipVisionModel

from families.fixture import Case, Family, Picture, Tensors, picture
from families.weights import head_shapes, prefixed, random_weights
from models import siglip_config
from plain import patches
from random_tower import random_tower
from shape import Shape

SIGLIP = Shape(width=8, heads=2, mlp=20, layers=2, table=5)
SIGLIP2 = Shape(width=8, heads=1, mlp=28, layers=2, table=4, patch=16)
NAFLEX = Shape(width=8, heads=2, mlp=20, layers=2, table=5, patch=16)
# What else lies in the files: pieces of the text tower, and what zero-shot needs.
OTHERS = {
    "text_model.embeddings.token_embedding.weight": (10, 16),
    "text_model.head.weight": (16, 16),
    "logit_scale": (1,),
    "logit_bias": (1,),
}


def siglip_weights(shape: Shape, seed: int) -> Tensors:
    """Tower and head by transformers' names, f32 as on the hub."""
    return random_tower(shape, seed) | prefixed("head.", random_weights(head_shapes(shape.width, shape.mlp), seed))


def file_tensors(weights: Tensors, seed: int) -> Tensors:
    others = {name: torch.randn(size, generator=torch.Generator().manual_seed(seed)) for name, size in OTHERS.items()}
    return others | prefixed("vision_model.", weights)


def vision_settings(shape: Shape) -> dict:
    return {
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "patch_size": shape.patch,
        "attn_implementation": "eager",
    }


def build_siglip(shape: Shape, weights: Tensors) -> SiglipVisionModel:
    model = SiglipVisionModel(SiglipVisionConfig(**vision_settings(shape), image_size=shape.table * shape.patch))
    model.load_state_dict(weights)
    return model.eval()


@torch.inference_mode()
def siglip_case(model: SiglipVisionModel, shape: Shape, picture: Picture) -> Case:
    """Another grid than the table's has it resampled: bicubic, no antialiasing."""
    table = picture.grid == (shape.table, shape.table)
    pixels = picture.pixels()[None]
    result = model(pixel_values=pixels, interpolate_pos_encoding=not table)
    outputs = {"tokens.0": result.last_hidden_state[0], "pooled.0": result.pooler_output[0]}
    return Case(f"{picture.grid[0]}x{picture.grid[1]}", [picture], "table" if table else "bicubic", outputs)


def siglip() -> Family:
    weights = siglip_weights(SIGLIP, 1)
    model = build_siglip(SIGLIP, weights)
    pictures = [picture(1, (5, 5), 14), picture(2, (7, 4), 14), picture(3, (3, 9), 14, (5, 2)), picture(4, (1, 2), 14)]
    return Family(
        name="siglip-map",
        family="SigLIP",
        reference="transformers 5.23.0 SiglipVisionModel",
        checkpoints=["google/siglip-so400m-patch14-224", "google/siglip-so400m-patch14-384"],
        layout="vision_model",
        shape=SIGLIP,
        cases=[siglip_case(model, SIGLIP, p) for p in pictures],
        tensors=file_tensors(weights, 1),
        config=siglip_config(SIGLIP, "gelu_pytorch_tanh"),
    )


def siglip2() -> Family:
    """Another tokenizer and resize rule than SigLIP's, but the same model_type; the config leaves defaults out."""
    weights = siglip_weights(SIGLIP2, 2)
    model = build_siglip(SIGLIP2, weights)
    config = siglip_config(SIGLIP2, "gelu_pytorch_tanh")
    config["text_config"] = {"model_type": "siglip_text_model", "hidden_size": 32, "vocab_size": 256000}
    for default in ("hidden_act", "layer_norm_eps"):
        del config["vision_config"][default]
    return Family(
        name="siglip2-fixed",
        family="SigLIP 2, fixed size",
        reference="transformers 5.23.0 SiglipVisionModel",
        checkpoints=[
            *(f"google/siglip2-so400m-patch14-{size}" for size in (224, 384)),
            *(f"google/siglip2-so400m-patch16-{size}" for size in (256, 384, 512)),
        ],
        layout="vision_model",
        shape=SIGLIP2,
        cases=[siglip_case(model, SIGLIP2, p) for p in (picture(1, (4, 4), 16), picture(2, (6, 3), 16))],
        tensors=file_tensors(weights, 2),
        config=config,
    )


def naflex_patches(pixels: torch.Tensor, patch: int) -> torch.Tensor:
    """[P, p²·3], each patch in (row, column, channel) order."""
    channels_first = patches(pixels, patch).reshape(-1, 3, patch, patch)
    return channels_first.permute(0, 2, 3, 1).reshape(len(channels_first), -1)


@torch.inference_mode()
def naflex_case(model: Siglip2VisionModel, key: str, pictures: list[Picture], longest: int) -> Case:
    """All pictures in one batch, padded to `longest` patches, which the mask hides."""
    patch = model.config.patch_size
    values = torch.zeros(len(pictures), longest, 3 * patch**2)
    mask = torch.zeros(len(pictures), longest, dtype=torch.int64)
    for i, one in enumerate(pictures):
        vectors = naflex_patches(one.pixels(), patch)
        values[i, : len(vectors)] = vectors
        mask[i, : len(vectors)] = 1
    sizes = torch.tensor([one.grid for one in pictures])
    result = model(pixel_values=values, pixel_attention_mask=mask, spatial_shapes=sizes)
    outputs = {}
    for i, one in enumerate(pictures):
        outputs[f"tokens.{i}"] = result.last_hidden_state[i, : one.grid[0] * one.grid[1]]
        outputs[f"pooled.{i}"] = result.pooler_output[i]
    return Case(key, pictures, "bilinear-antialias", outputs)


def naflex() -> Family:
    C, patch = NAFLEX.width, NAFLEX.patch
    weights = siglip_weights(NAFLEX, 3)
    kernel = weights["embeddings.patch_embedding.weight"]
    weights["embeddings.patch_embedding.weight"] = kernel.permute(0, 2, 3, 1).reshape(C, -1).contiguous()
    model = Siglip2VisionModel(Siglip2VisionConfig(**vision_settings(NAFLEX), num_patches=NAFLEX.table**2))
    model.load_state_dict(weights)
    model.eval()
    vision = {"model_type": "siglip2_vision_model", "num_patches": NAFLEX.table**2, **vision_settings(NAFLEX)}
    del vision["attn_implementation"]
    text = {"model_type": "siglip2_text_model", "hidden_size": 32, "num_hidden_layers": 12, "vocab_size": 256000}
    # 2×9 shrinks one axis of the table and stretches the other; 5×5 is the table as it is.
    sizes = [(5, 5), (2, 9), (7, 3), (1, 1)]
    pictures = [picture(seed, grid, patch) for seed, grid in enumerate(sizes, start=1)]
    singles = [naflex_case(model, f"{p.grid[0]}x{p.grid[1]}", [p], p.grid[0] * p.grid[1]) for p in pictures]
    return Family(
        name="siglip2-naflex",
        family="SigLIP 2 NaFlex",
        reference="transformers 5.23.0 Siglip2VisionModel",
        checkpoints=["google/siglip2-so400m-patch16-naflex"],
        layout="vision_model",
        shape=NAFLEX,
        cases=[*singles, naflex_case(model, "padded", pictures, 32)],
        tensors=file_tensors(weights, 3),
        config={
            "architectures": ["Siglip2Model"],
            "model_type": "siglip2",
            "text_config": text,
            "vision_config": vision,
        },
    )


def families() -> list[Family]:
    return [siglip(), siglip2(), naflex()]
