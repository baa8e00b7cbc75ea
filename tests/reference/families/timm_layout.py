"""timm's naming of the tower: with attention pooling, with the mean of the tokens, and inside MiniCPM-V 1.0 and 2.0.

timm's patch-14 models keep the erf GELU, in the blocks and in the pooling head.
"""

import torch
from timm.models.vision_transformer import VisionTransformer

from families.fixture import Case, Family, Picture, Tensors, picture
from families.weights import head_shapes, prefixed, random_weights
from random_tower import random_tower
from shape import Shape

MAP = Shape(width=8, heads=2, mlp=28, layers=2, table=5, gelu="erf")
GAP = Shape(width=8, heads=1, mlp=20, layers=2, table=4, gelu="erf")
V2 = Shape(width=8, heads=2, mlp=36, layers=2, table=5, gelu="erf")
# MiniCPM-V 2.0's resampler is another than 2.5's; nothing of it must be taken for one.
DECOYS = {
    "llm.model.embed_tokens.weight": (8, 32),
    "resampler.query": (4, 32),
    "resampler.pos_embed": (4, 32),
    "resampler.kv_proj.weight": (32, 8),
    "resampler.attn.in_proj_weight": (96, 32),
    "resampler.proj": (32, 32),
}


def timm_tower(tensors: Tensors, layers: int) -> Tensors:
    """transformers' names to timm's: q, k and v in one matrix, and the table with a leading axis."""
    result = {
        "patch_embed.proj.weight": tensors["embeddings.patch_embedding.weight"],
        "patch_embed.proj.bias": tensors["embeddings.patch_embedding.bias"],
        "pos_embed": tensors["embeddings.position_embedding.weight"][None],
    }
    names = {"norm1": "layer_norm1", "norm2": "layer_norm2", "attn.proj": "self_attn.out_proj"}
    names |= {"mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
    for kind in ("weight", "bias"):
        for layer in range(layers):
            source, target = f"encoder.layers.{layer}", f"blocks.{layer}"
            qkv = [tensors[f"{source}.self_attn.{name}_proj.{kind}"] for name in "qkv"]
            result[f"{target}.attn.qkv.{kind}"] = torch.cat(qkv)
            result |= {f"{target}.{new}.{kind}": tensors[f"{source}.{old}.{kind}"] for new, old in names.items()}
        result[f"norm.{kind}"] = tensors[f"post_layernorm.{kind}"]
    return {name: tensor.contiguous() for name, tensor in result.items()}


def timm_head(tensors: Tensors, C: int) -> Tensors:
    result = {"latent": tensors["probe"]}
    for kind in ("weight", "bias"):
        result[f"q.{kind}"], result[f"kv.{kind}"] = tensors[f"attention.in_proj_{kind}"].split([C, 2 * C])
        names = {"proj": "attention.out_proj", "norm": "layernorm", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
        result |= {f"{new}.{kind}": tensors[f"{old}.{kind}"] for new, old in names.items()}
    return prefixed("attn_pool.", {name: tensor.contiguous() for name, tensor in result.items()})


def model_args(shape: Shape, pool: str) -> dict:
    args = {
        "img_size": shape.table * shape.patch,
        "patch_size": shape.patch,
        "embed_dim": shape.width,
        "depth": shape.layers,
        "num_heads": shape.heads,
        "mlp_ratio": shape.mlp / shape.width,
        "class_token": False,
        "global_pool": pool,
    }
    return args | ({"fc_norm": False} if pool == "avg" else {})


def build(shape: Shape, pool: str, weights: Tensors) -> VisionTransformer:
    model = VisionTransformer(**model_args(shape, pool), num_classes=0, dynamic_img_size=True)
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval()


@torch.inference_mode()
def case(model: VisionTransformer, shape: Shape, picture: Picture, pooled: bool) -> Case:
    tokens = model.forward_features(picture.pixels()[None])
    outputs = {"tokens.0": tokens[0]}
    if pooled:
        outputs["pooled.0"] = model.forward_head(tokens, pre_logits=True)[0]
    table = picture.grid == (shape.table, shape.table)
    key = f"{picture.grid[0]}x{picture.grid[1]}"
    return Case(key, [picture], "table" if table else "bicubic-antialias", outputs)


def hub_config(name: str, shape: Shape, pool: str) -> dict:
    """As timm writes it; model_args are there where they differ from the architecture's own."""
    size = shape.table * shape.patch
    half = [0.5, 0.5, 0.5]
    return {
        "architecture": name,
        "num_classes": 0,
        "num_features": shape.width,
        "global_pool": pool,
        "model_args": model_args(shape, pool),
        "pretrained_cfg": {
            "input_size": [3, size, size],
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "mean": half,
            "std": half,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }


def with_head() -> Family:
    tower = timm_tower(random_tower(MAP, 5), MAP.layers)
    weights = tower | timm_head(random_weights(head_shapes(MAP.width, MAP.mlp), 5), MAP.width)
    model = build(MAP, "map", weights)
    # Antialiasing counts where an axis has fewer patches than the table.
    pictures = [picture(1, (5, 5), 14), picture(2, (7, 3), 14), picture(3, (2, 9), 14)]
    return Family(
        name="timm-map",
        family="timm vit_so400m_patch14_siglip_*",
        reference="timm 1.0.31 VisionTransformer",
        checkpoints=[f"timm/vit_so400m_patch14_siglip_{size}.webli" for size in (224, 378, 384)],
        layout="timm",
        shape=MAP,
        cases=[case(model, MAP, p, pooled=True) for p in pictures],
        tensors=weights,
        config=hub_config("vit_so400m_patch14_siglip_384", MAP, "map"),
        note="model_args tell the shape, which real files leave to the architecture's name",
    )


def with_mean() -> Family:
    weights = {name: tensor.half() for name, tensor in timm_tower(random_tower(GAP, 6), GAP.layers).items()}
    model = build(GAP, "avg", weights)
    return Family(
        name="timm-gap",
        family="timm vit_so400m_patch14_siglip_gap_*",
        reference="timm 1.0.31 VisionTransformer",
        checkpoints=["timm/vit_so400m_patch14_siglip_gap_448.pali_mix", "timm/vit_so400m_patch14_siglip_gap_384.webli"],
        layout="timm",
        shape=GAP,
        cases=[case(model, GAP, p, pooled=False) for p in (picture(1, (4, 4), 14), picture(2, (3, 6), 14))],
        tensors=weights,
        config=hub_config("vit_so400m_patch14_siglip_gap_448", GAP, "avg"),
        note="the head, a mean of the tokens, is left to the caller; stored as f16, where the hub has f32",
    )


def minicpmv_2() -> Family:
    weights = {name: tensor.bfloat16() for name, tensor in timm_tower(random_tower(V2, 20), V2.layers).items()}
    model = build(V2, "", weights)
    vision = {"hidden_size": V2.width, "num_attention_heads": V2.heads, "num_hidden_layers": V2.layers + 1}
    return Family(
        name="minicpmv-2",
        family="MiniCPM-V 1.0, 2.0",
        reference="timm 1.0.31 VisionTransformer",
        checkpoints=["openbmb/MiniCPM-V", "openbmb/MiniCPM-V-2"],
        layout="vpm.timm",
        shape=V2,
        cases=[case(model, V2, p, pooled=False) for p in (picture(1, (5, 5), 14), picture(2, (6, 4), 14))],
        tensors=random_weights(DECOYS, 20, torch.bfloat16) | prefixed("vpm.", weights),
        config={
            "architectures": ["MiniCPMV"],
            "drop_vision_last_layer": True,
            "hidden_size": 32,
            "image_size": 448,
            "model_type": "minicpmv",
            "patch_size": 14,
            "query_num": 4,
            "torch_dtype": "bfloat16",
            "vision_encoder": "vit_so400m_patch14_siglip_384.webli",
            "vision_config": vision,
        },
        note="the dropped block is not in the file; vision_config tells the heads, which real files leave to the name",
    )


def families() -> list[Family]:
    return [with_head(), with_mean(), minicpmv_2()]
