"""The tiny checkpoints of the tests: every naming, dtype and odd size that the reader and the network must take."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

from random_tower import random_tower
from shape import Shape

Tensors = dict[str, torch.Tensor]
Grid = tuple[int, int]


@dataclass(frozen=True)
class TinyModel:
    name: str
    shape: Shape  # what runs
    prefix: str
    dtype: Callable[[str], torch.dtype]
    grids: dict[Grid, str]  # grid to position mode
    config: dict | None = None
    stored_layers: int | None = None  # blocks in the file, where more than run
    decoys: dict[str, tuple[int, ...]] = field(default_factory=dict)  # tensors that belong to other networks
    shards: int = 1
    hot: bool = False


def all_of(dtype: torch.dtype) -> Callable[[str], torch.dtype]:
    return lambda name: dtype


def mixed(name: str) -> torch.dtype:
    """Norms and biases f32 as some writers keep them, and q apart from k, which a fused kernel must notice."""
    if name.endswith("bias") or "norm" in name or "q_proj" in name:
        return torch.float32
    return torch.float16 if "fc2" in name else torch.bfloat16


def vision_config(shape: Shape, model_type: str, **more: object) -> dict:
    return {
        "model_type": model_type,
        "hidden_size": shape.width,
        "image_size": shape.table * shape.patch,
        "intermediate_size": shape.mlp,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "patch_size": shape.patch,
        **more,
    }


def minicpmv_config(shape: Shape, layers: int, drop: bool) -> dict:
    vision = vision_config(shape, "siglip_vision_model") | {"num_hidden_layers": layers}
    top = {"architectures": ["MiniCPMV"], "model_type": "minicpmv", "image_size": 448, "patch_size": 14}
    return top | {"hidden_size": 3584, "drop_vision_last_layer": drop, "query_num": 64, "vision_config": vision}


def siglip_config(shape: Shape, hidden_act: str) -> dict:
    vision = vision_config(shape, "siglip_vision_model", hidden_act=hidden_act, layer_norm_eps=1e-6)
    text = {"model_type": "siglip_text_model", "hidden_size": 32, "num_hidden_layers": 12}
    return {"architectures": ["SiglipModel"], "model_type": "siglip", "text_config": text, "vision_config": vision}


def idefics2_config(shape: Shape) -> dict:
    text = {"model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32}
    vision = vision_config(shape, "idefics2_vision")
    top = {"architectures": ["Idefics2ForConditionalGeneration"], "model_type": "idefics2"}
    return top | {"perceiver_config": {"model_type": "idefics2"}, "text_config": text, "vision_config": vision}


SIGLIP = Shape(width=64, heads=2, mlp=68, layers=2, table=5)  # D 32, F 4·17
ERF = Shape(width=80, heads=2, mlp=112, layers=2, table=5, patch=16, gelu="erf")  # D 8·5, F 16·7
IDEFICS2 = Shape(width=48, heads=2, mlp=80, layers=2, table=70)  # D 8·3, F 16·5
SHARDED = Shape(width=72, heads=1, mlp=208, layers=3, table=16)  # D 72, F 16·13
DROPPED = Shape(width=64, heads=1, mlp=60, layers=2, table=16)  # D 64, F 4·15
MIXED = Shape(width=144, heads=2, mlp=100, layers=1, table=16)
HOT = Shape(width=72, heads=1, mlp=132, layers=2, table=16)

MODELS = [
    TinyModel(
        "siglip-f32", SIGLIP, "vision_model.", all_of(torch.float32),
        {(5, 5): "table", (1, 1): "navit", (2, 3): "navit", (3, 143): "navit"},
        siglip_config(SIGLIP, "gelu_pytorch_tanh"),
        decoys={
            "text_model.embeddings.token_embedding.weight": (40, 32), "text_model.head.weight": (32, 32),
            "vision_model.neck.probe": (1, 1, 64), "vision_model.neck.layernorm.weight": (64,),
            "vision_model.neck.attention.in_proj_weight": (192, 64), "logit_scale": (1,), "logit_bias": (1,),
        },
    ),
    TinyModel(
        "siglip-erf-f16", ERF, "vision_model.", all_of(torch.float16),
        {(5, 5): "table", (7, 5): "navit"}, siglip_config(ERF, "gelu"),
        decoys={"logit_scale": (1,), "logit_bias": (1,)},
    ),
    TinyModel(
        "idefics2-f16", IDEFICS2, "model.vision_model.", all_of(torch.float16),
        {(32, 32): "navit", (70, 70): "navit", (10, 101): "navit", (25, 50): "navit-float32"},
        idefics2_config(IDEFICS2),
        decoys={"model.connector.modality_projection.gate_proj.weight": (32, 48), "lm_head.weight": (16, 32)},
    ),
    TinyModel(
        "minicpmv-sharded-bf16", SHARDED, "vpm.", all_of(torch.bfloat16),
        {(1, 1): "navit", (7, 5): "navit", (24, 43): "navit"},
        minicpmv_config(SHARDED, layers=3, drop=False), shards=3,
        decoys={
            "llm.lm_head.weight": (64, 32), "llm.model.layers.0.mlp.up_proj.weight": (48, 32),
            "perceiver.query": (4, 32), "perceiver.kv_proj.weight": (32, 72),
        },
    ),
    # drop_vision_last_layer: one block less than num_hidden_layers runs, whether or not the file still has it.
    TinyModel(
        "minicpmv-drop-stored", DROPPED, "vpm.", all_of(torch.float16), {(7, 5): "navit"},
        minicpmv_config(DROPPED, layers=3, drop=True), stored_layers=3,
    ),
    TinyModel(
        "minicpmv-drop-absent", DROPPED, "vpm.", all_of(torch.bfloat16), {(2, 3): "navit"},
        minicpmv_config(DROPPED, layers=3, drop=True),
    ),
    TinyModel("bare-mixed", MIXED, "", mixed, {(2, 3): "navit", (16, 16): "table", (10, 101): "navit"}),
    TinyModel("hot-bf16", HOT, "vpm.", all_of(torch.bfloat16), {(7, 5): "navit", (24, 43): "navit"}, hot=True),
]


def heat(tensors: Tensors) -> None:
    """Scales an eighth of the hidden units so that activations after the GELU reach 1e4, and their way out back."""
    for name, tensor in tensors.items():
        if ".mlp.fc1" in name:
            tensor[::8] *= 4000
        if name.endswith("fc2.weight"):
            tensor[:, ::8] /= 2000


def seed_of(name: str) -> int:
    return zlib.crc32(name.encode()) & 0xFFFF


def tower_tensors(model: TinyModel) -> Tensors:
    """The tower by bare names, in the dtypes that are stored."""
    stored = Shape(**{**vars(model.shape), "layers": model.stored_layers or model.shape.layers})
    tensors = random_tower(stored, seed_of(model.name))
    if model.hot:
        heat(tensors)
    return {name: tensor.to(model.dtype(name)) for name, tensor in tensors.items()}


def write_model(model: TinyModel, folder: Path) -> list[str]:
    """Writes the files of a checkpoint and returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(seed_of(model.name))
    everything = {name: torch.randn(size, generator=generator) for name, size in model.decoys.items()}
    everything |= {model.prefix + name: tensor for name, tensor in tower_tensors(model).items()}
    files = []
    if model.config:
        (folder / "config.json").write_text(json.dumps(model.config, indent=2) + "\n")
        files.append("config.json")
    if model.shards == 1:
        save_file(everything, folder / "model.safetensors", {"format": "pt"})
        return [*files, "model.safetensors"]
    return files + write_shards(everything, folder, model.shards)


def write_shards(tensors: Tensors, folder: Path, count: int) -> list[str]:
    """As MiniCPM-V is split: other networks fill the first shard, the tower (and the rest) lies across the others."""
    others = [name for name in tensors if name.startswith("llm.")]
    rest = [name for name in tensors if name not in others]
    size = -(-len(rest) // (count - 1))
    weight_map: dict[str, str] = {}
    for shard in range(count):
        file = f"model-{shard + 1:05}-of-{count:05}.safetensors"
        part = rest[(shard - 1) * size : shard * size] if shard else others
        save_file({name: tensors[name] for name in part}, folder / file, {"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return ["model.safetensors.index.json", *sorted(set(weight_map.values()))]
