"""The two towers that came to NaViT positions before MiniCPM-V: Idefics2, and SigLIP at 980 pixels with its pooling head."""

import torch
from transformers import Idefics2VisionConfig
from transformers.models.idefics2.modeling_idefics2 import Idefics2VisionTransformer

import tower
from families.fixture import Case, Family, Picture, picture
from families.siglip import build_siglip, file_tensors, siglip_weights, vision_settings
from families.weights import prefixed
from models import idefics2_config, siglip_config
from random_tower import random_tower
from shape import Shape

IDEFICS2 = Shape(width=8, heads=2, mlp=12, layers=2, table=10)
SIGLIP980 = Shape(width=8, heads=2, mlp=20, layers=2, table=10)


@torch.inference_mode()
def idefics2_case(model: Idefics2VisionTransformer, key: str, pictures: list[Picture]) -> Case:
    """All pictures as one padded batch with a mask, as its processor makes it; grids whose rounding is exact in f32."""
    height, width = max(p.height for p in pictures), max(p.width for p in pictures)
    patch = IDEFICS2.patch
    pixels = torch.zeros((len(pictures), 3, height, width))
    mask = torch.zeros((len(pictures), height // patch, width // patch), dtype=torch.bool)
    for i, p in enumerate(pictures):
        pixels[i, :, : p.height, : p.width] = p.pixels()
        mask[i, : p.grid[0], : p.grid[1]] = True
    tokens = model(pixel_values=pixels, patch_attention_mask=mask).last_hidden_state
    outputs = {f"tokens.{i}": tokens[i][mask[i].flatten()] for i in range(len(pictures))}
    return Case(key, pictures, "navit", outputs)


def idefics2() -> Family:
    weights = {name: tensor.half() for name, tensor in random_tower(IDEFICS2, 8).items()}
    config = Idefics2VisionConfig(**vision_settings(IDEFICS2), image_size=IDEFICS2.table * IDEFICS2.patch)
    model = Idefics2VisionTransformer(config)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    one, two = picture(1, (4, 7), 14), picture(2, (10, 3), 14)
    return Family(
        name="idefics2",
        family="Idefics2",
        reference="transformers 5.23.0 Idefics2VisionTransformer, padded and masked",
        checkpoints=["HuggingFaceM4/idefics2-8b"],
        layout="model.vision_model",
        shape=IDEFICS2,
        cases=[idefics2_case(model.eval(), "4x7", [one]), idefics2_case(model, "packed", [one, two])],
        tensors=prefixed("model.vision_model.", weights),
        config=idefics2_config(IDEFICS2),
        note="stored as f16, where the hub has f32",
    )


@torch.inference_mode()
def siglip980_case(model, p: Picture) -> Case:
    tokens = tower.encode(model, p.pixels(), tower.navit_ids(p.grid, SIGLIP980.table)).tokens
    pooled = model.head(tokens[None])[0]
    return Case(f"{p.grid[0]}x{p.grid[1]}", [p], "navit", {"tokens.0": tokens, "pooled.0": pooled})


def siglip980() -> Family:
    weights = siglip_weights(SIGLIP980, 9)
    model = build_siglip(SIGLIP980, weights)
    return Family(
        name="siglip-980",
        family="SigLIP 980 NaViT",
        reference="transformers 5.23.0 SiglipVisionModel with NaViT's position ids",
        checkpoints=["HuggingFaceM4/siglip-so400m-14-980-flash-attn2-navit"],
        layout="vision_model",
        shape=SIGLIP980,
        cases=[siglip980_case(model, p) for p in (picture(1, (4, 6), 14), picture(2, (10, 3), 14))],
        tensors=file_tensors(weights, 9),
        config=siglip_config(SIGLIP980, "gelu_pytorch_tanh"),
    )


def families() -> list[Family]:
    return [idefics2(), siglip980()]
