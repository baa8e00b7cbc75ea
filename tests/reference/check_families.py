"""Checks the expected outputs of every family against a second, plain implementation in f64.

    python tests/reference/check_families.py

It reads what make_family_goldens.py wrote: the files of each checkpoint, and the outputs. Where mlx-vlm 0.7.10 is
installed (with mlx[cpu]), its resampler is a third opinion.
"""

import json
import math
import sys

import numpy as np
import torch
from safetensors.torch import load_file

import plain
from check import BOUND, nmse
from families.fixture import FIXTURES, Tensors
from families.plain_heads import final_merger, map_head, resample, resized, window_merger
from families.read import bare_names
from pixels import test_pixels
from shape import Shape
from tower import navit_ids

ROOT = FIXTURES.parents[1]


def weights_of(entry: dict) -> Tensors:
    """All tensors of the checkpoint by the names of transformers' tower, pooling head and mergers, in f64."""
    paths = [ROOT / entry["folder"] / name for name in entry["files"]]
    paths += [ROOT / path for path in entry.get("shared", {}).values()]
    tensors: Tensors = {}
    for path in paths:
        if path.suffix == ".safetensors":
            tensors |= load_file(path)
        if path.suffix == ".npz":
            tensors |= {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    return {name: tensor.double() for name, tensor in bare_names(entry["layout"], tensors, entry["shape"]).items()}


def positions(case: dict, grid: list[int], shape: Shape, table: torch.Tensor, goldens: Tensors, i: int) -> torch.Tensor:
    """The rows [P, C] that are added to the patches."""
    mode, rows, columns = case["positions"], *grid
    if mode == "table":
        return table
    if mode == "navit":
        return table[navit_ids((rows, columns), shape.table)]
    if mode == "row0":
        return table[goldens[f"{case['key']}.position_ids.{i}"].long()]
    return resized(table, shape.table, grid, mode)


def encode(
    shape: Shape, w: Tensors, pixels: torch.Tensor, rows: torch.Tensor, insert: int | None, grid: list[int]
) -> torch.Tensor:
    """plain.py's tower in f64, with the merger after block `insert`."""
    w = w | {"embeddings.position_embedding.weight": rows}
    ids = torch.arange(len(rows))
    tokens, hidden = plain.encode(shape, w, pixels, ids, dtype=torch.float64)
    if insert is None:
        return tokens
    x = window_merger(w, "vit_merger.", hidden[insert + 1], grid, shape.heads)
    return plain.blocks(shape, w, x, range(insert + 1, shape.layers))[0]


def check_case(entry: dict, case: dict, w: Tensors, goldens: Tensors) -> dict[str, float]:
    """The worst NMSE of each kind of output."""
    shape = Shape(**entry["shape"])
    config = json.loads((ROOT / entry["folder"] / "config.json").read_text()) if "config.json" in entry["files"] else {}
    insert = config.get("insert_layer_id") if case.get("merge") == "16x" else None
    table = w["embeddings.position_embedding.weight"]
    outputs: dict[str, list[torch.Tensor]] = {}
    for i, (one, grid) in enumerate(zip(case["pictures"], case["grids"], strict=True)):
        pixels = torch.from_numpy(test_pixels(one["seed"], one["height"], one["width"]))
        rows = positions(case, grid, shape, table, goldens, i)
        tokens = encode(shape, w, pixels, rows, insert, grid)
        outputs.setdefault("tokens", []).append(tokens)
        if "head.probe" in w:
            outputs.setdefault("pooled", []).append(map_head(w, "head.", tokens, shape.heads, shape.gelu))
        if "merge" in case:
            side = [n // 2 for n in grid] if insert is not None else grid
            outputs.setdefault("merged", []).append(final_merger(w, "merger.mlp.0.", tokens, side))
    if "resampled" in entry["outputs"]:
        groups = case.get("temporalIds") or [[-1]] * len(case["grids"])
        outputs["resampled"] = resample(w, "resampler.", outputs["tokens"], case["grids"], groups)
    worst = {}
    for kind, results in outputs.items():
        wanted = [goldens[f"{case['key']}.{kind}.{i}"] for i in range(len(results))]
        assert all(a.shape == b.shape for a, b in zip(wanted, results, strict=True)), (entry["name"], case["key"], kind)
        worst[kind] = max(map(nmse, wanted, results))
    return worst


def mlx_resampler_error(w: Tensors, grid: tuple[int, int]) -> float:
    """mlx-vlm's resampler (minicpmo) against ours, on noise."""
    import mlx.core as mx
    from mlx_vlm.models.minicpmo.minicpmo import Resampler as MlxResampler

    from families.resampler import HEAD, Resampler

    ours = {name.removeprefix("resampler."): t.float() for name, t in w.items() if name.startswith("resampler.")}
    queries, D = ours["query"].shape
    theirs = dict(ours)
    for kind in ("weight", "bias"):
        for name, part in zip("qkv", theirs.pop(f"attn.in_proj_{kind}").chunk(3), strict=True):
            theirs[f"attn.{name}_proj.{kind}"] = part
    model = MlxResampler(queries, D, D // HEAD, ours["kv_proj.weight"].shape[1])
    model.load_weights([(name, mx.array(t.numpy())) for name, t in theirs.items()], strict=True)
    x = torch.randn(math.prod(grid), ours["kv_proj.weight"].shape[1], generator=torch.Generator().manual_seed(1))
    result = model(mx.array(x.numpy())[None], mx.array(np.array([grid], dtype=np.int32)))
    return nmse(torch.from_numpy(np.array(result))[0], Resampler(ours)([x], [grid])[0])


def main() -> int:
    torch.set_num_threads(1)
    failures = 0

    def report(what: str, error: float) -> None:
        nonlocal failures
        failures += not error <= BOUND
        print(f"{what:<56} NMSE {error:.1e} {'' if error <= BOUND else 'FAILED'}")

    manifest = json.loads((FIXTURES / "families.json").read_text())
    for entry in manifest["families"]:
        w, goldens = weights_of(entry), load_file(ROOT / entry["goldens"])
        for case in entry["cases"]:
            for kind, error in check_case(entry, case, w, goldens).items():
                report(f"{entry['name']:<24} {case['key']:<12} {kind}", error)
        if "resampled" in entry["outputs"] and "shared" not in entry:
            try:
                report(f"{entry['name']:<24} resampler against mlx-vlm", mlx_resampler_error(w, (3, 18)))
            except ImportError:
                print("mlx-vlm is not installed: no third opinion of the resampler")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
