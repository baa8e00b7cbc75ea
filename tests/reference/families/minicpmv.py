"""MiniCPM-V 2.5 to 4.5: the NaViT tower (`vpm.`) and the resampler beside it (`resampler.`)."""

import torch

import tower
from families.fixture import Case, Family, Picture, picture
from families.resampler import Resampler
from families.weights import prefixed, random_weights, resampler_shapes
from models import vision_config
from random_tower import random_tower
from shape import Shape

NAVIT = Shape(width=16, heads=2, mlp=36, layers=2, table=14)
LLAMA3 = Shape(width=16, heads=2, mlp=20, layers=2, table=10)
TOWER = "transformers 5.23.0 SiglipVisionModel with NaViT's position ids"
RESAMPLER = f"{TOWER}; torch 2.13.0 MultiheadAttention as in the released resampler.py"
# What else lies in the file: pieces of a language model, which fill the first shard in the real ones too.
LLM = {"llm.model.embed_tokens.weight": (8, 64), "llm.lm_head.weight": (8, 64)}


def config(shape: Shape, queries: int, D: int, **more: object) -> dict:
    return {
        "architectures": ["MiniCPMV"],
        "batch_vision_input": True,
        "drop_vision_last_layer": False,
        "hidden_size": D,
        "image_size": 448,
        "model_type": "minicpmv",
        "patch_size": 14,
        "query_num": queries,
        "slice_config": {"max_slice_nums": 9, "model_type": "minicpmv", "patch_size": 14},
        "slice_mode": True,
        "vision_config": vision_config(shape, "siglip_vision_model"),
        **more,
    }


def row0_ids(patches: int, side: int) -> torch.Tensor:
    """MiniCPM-Llama3-V 2.5's rows of the table, for one picture alone.

    Its modeling_minicpmv.py gives the tower a strip of patches and a mask of one row, so Idefics2's embeddings
    (transformers 4.40) see one row of `patches` columns. Of several pictures in a call the longest would count.
    """
    boundaries = torch.arange(1 / side, 1.0, 1 / side)
    mask = torch.ones((1, patches), dtype=torch.bool)

    def bucket(count: torch.Tensor) -> torch.Tensor:
        return torch.bucketize(torch.arange(0, 1 - 1e-6, 1 / count), boundaries, right=True)

    return (bucket(mask[:, 0].sum())[:, None] * side + bucket(mask[0].sum())).flatten()


def tokens_of(model, shape: Shape, pictures: list[Picture]) -> list[torch.Tensor]:
    """Tokens [P, C] of each, by the nearest rows of the table."""
    return [tower.encode(model, p.pixels(), tower.navit_ids(p.grid, shape.table)).tokens for p in pictures]


def numbered(name: str, tensors: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{name}.{i}": tensor for i, tensor in enumerate(tensors)}


def navit_weights() -> tuple[dict, dict]:
    """Tower and resampler of a MiniCPM-V 2.6; two heads in the resampler, as D is 256."""
    vpm = {name: tensor.bfloat16() for name, tensor in random_tower(NAVIT, 26).items()}
    return vpm, random_weights(resampler_shapes(NAVIT.width, 256, 8), 26, torch.bfloat16)


def minicpmv_2_6() -> Family:
    vpm, resampler = navit_weights()
    model, resample = tower.build_tower(NAVIT, vpm), Resampler(resampler)

    def case(key: str, pictures: list[Picture]) -> Case:
        tokens = tokens_of(model, NAVIT, pictures)
        resampled = resample(tokens, [p.grid for p in pictures])
        return Case(key, pictures, "navit", numbered("tokens", tokens) | numbered("resampled", resampled))

    # 18 is more than the table's side: two patches share a row.
    one, two, three = picture(1, (6, 4), 14, (1, 2)), picture(2, (3, 18), 14), picture(3, (5, 7), 14)
    return Family(
        name="minicpmv-2_6",
        family="MiniCPM-V 2.6, 4.0, MiniCPM-o 2.6",
        reference=RESAMPLER,
        checkpoints=["openbmb/MiniCPM-V-2_6", "openbmb/MiniCPM-o-2_6", "openbmb/MiniCPM-V-4"],
        layout="vpm",
        shape=NAVIT,
        cases=[case("6x4", [one]), case("packed", [one, two, three])],
        tensors=random_weights(LLM, 26, torch.bfloat16) | prefixed("vpm.", vpm) | prefixed("resampler.", resampler),
        config=config(NAVIT, 8, 256, version=2.6, torch_dtype="bfloat16"),
        shards=4,
    )


def minicpmv_4_5(same_weights: Family) -> Family:
    vpm, resampler = navit_weights()
    model, resample = tower.build_tower(NAVIT, vpm), Resampler(resampler)

    def case(key: str, pictures: list[Picture], temporal_ids: list[list[int]]) -> Case:
        tokens = tokens_of(model, NAVIT, pictures)
        resampled = resample(tokens, [p.grid for p in pictures], temporal_ids)
        outputs = numbered("tokens", tokens) | numbered("resampled", resampled)
        return Case(key, pictures, "navit", outputs, {"temporalIds": temporal_ids})

    frames = [picture(seed, (4, 3), 14) for seed in (4, 5, 6)]
    return Family(
        name="minicpmv-4_5",
        family="MiniCPM-V 4.5",
        reference=RESAMPLER,
        checkpoints=["openbmb/MiniCPM-V-4_5"],
        layout="vpm",
        shape=NAVIT,
        cases=[
            case("frames", frames, [[0, 1, 2]]),
            # A still picture beside two groups; frames of a group may differ in size.
            case("groups", [picture(7, (2, 5), 14), *frames, picture(8, (3, 3), 14)], [[-1], [2, 6], [9, 40]]),
            case("still", [picture(7, (2, 5), 14)], [[-1]]),
        ],
        config=config(NAVIT, 8, 256, version=4.5, torch_dtype="bfloat16", batch_3d_resampler=True),
        shared=same_weights,
    )


def minicpmv_2_5() -> Family:
    vpm = {name: tensor.half() for name, tensor in random_tower(LLAMA3, 25).items()}
    resampler = random_weights(resampler_shapes(LLAMA3.width, 128, 6), 25, torch.float16)
    model, resample = tower.build_tower(LLAMA3, vpm), Resampler(resampler)

    def case(picture: Picture) -> Case:
        rows, columns = picture.grid
        patches = rows * columns
        ids = row0_ids(patches, LLAMA3.table)
        tokens = [tower.encode(model, picture.pixels(), ids).tokens]
        outputs = numbered("tokens", tokens) | numbered("resampled", resample(tokens, [picture.grid]))
        outputs["position_ids.0"] = ids.int()
        return Case(f"{rows}x{columns}", [picture], "row0", outputs)

    def sliced(pictures: list[Picture]) -> Case:
        """Slices of one picture: the mask is as long as the longest of them, and so are the columns counted."""
        longest = row0_ids(max(p.grid[0] * p.grid[1] for p in pictures), LLAMA3.table)
        ids = [longest[: p.grid[0] * p.grid[1]] for p in pictures]
        tokens = [tower.encode(model, p.pixels(), i).tokens for p, i in zip(pictures, ids, strict=True)]
        outputs = numbered("tokens", tokens) | numbered("resampled", resample(tokens, [p.grid for p in pictures]))
        outputs |= numbered("position_ids", [i.int() for i in ids])
        sources = [[0, -1, -1]] + [[0, 0, column] for column in range(len(pictures) - 1)]
        return Case("sliced", pictures, "row0", outputs, {"sources": sources})

    return Family(
        name="minicpmv-2_5",
        family="MiniCPM-Llama3-V 2.5",
        reference=RESAMPLER.replace("NaViT's position ids", "the released position ids"),
        checkpoints=["openbmb/MiniCPM-Llama3-V-2_5"],
        layout="vpm",
        shape=LLAMA3,
        cases=[
            *(case(p) for p in (picture(1, (6, 4), 14), picture(2, (3, 7), 14, (3, 0)), picture(3, (10, 5), 14))),
            sliced([picture(4, (4, 6), 14), picture(5, (7, 5), 14)]),
        ],
        tensors=random_weights(LLM, 25, torch.float16) | prefixed("vpm.", vpm) | prefixed("resampler.", resampler),
        config=config(LLAMA3, 6, 128, torch_dtype="float16", vision_config=vision_config(LLAMA3, "idefics2")),
        shards=2,
    )


def families() -> list[Family]:
    v2_6 = minicpmv_2_6()
    return [v2_6, minicpmv_4_5(v2_6), minicpmv_2_5()]
