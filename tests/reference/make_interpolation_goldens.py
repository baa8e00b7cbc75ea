"""Writes tests/fixtures/interpolation.json: how torch's F.interpolate resizes position tables.

An identity matrix as the table makes the result the matrix of weights. Of every matrix, for each n, the file keeps
projections u W v on fixed vectors, and some matrices whole (each row from its first weight to its last). Besides, small
float32 tables resized along both axes, as transformers, timm and NaFlex do it.

Pinned: torch==2.13.0. Run: python tests/reference/make_interpolation_goldens.py
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

SIDES = [16, 27, 5]
COUNTS = range(1, 145)
WHOLE = [1, 2, 3, 5, 8, 15, 16, 17, 26, 27, 28, 32, 37]
GRIDS = [(5, 5), (7, 3), (4, 9), (1, 12)]
PAIRS = 4
MODES = {
    "bicubic": {"mode": "bicubic"},
    "bicubic-antialias": {"mode": "bicubic", "antialias": True},
    "bilinear-antialias": {"mode": "bilinear", "antialias": True},
}
generator = torch.Generator().manual_seed(11)


def resize(table: torch.Tensor, size: tuple[int, int], mode: str) -> torch.Tensor:
    """[S, S', C] to [*size, C]."""
    planes = table.permute(2, 0, 1)[None]
    return F.interpolate(planes, size=size, align_corners=False, **MODES[mode])[0].permute(1, 2, 0)


def matrix(n: int, side: int, mode: str) -> torch.Tensor:
    """[n, side] weights in float64: of a table of one row, whose columns are unit vectors."""
    return resize(torch.eye(side, dtype=torch.float64)[None], (1, n), mode)[0]


def trimmed(row: torch.Tensor) -> list[float]:
    """First index, and the weights from there to the last that is not zero."""
    places = row.nonzero().flatten().tolist()
    return [places[0], *row[places[0] : places[-1] + 1].tolist()]


left = torch.randn(PAIRS, max(COUNTS), dtype=torch.float64, generator=generator)
right = torch.randn(PAIRS, max(SIDES), dtype=torch.float64, generator=generator)
axes = []
for mode in MODES:
    for side in SIDES:
        matrices = {n: matrix(n, side, mode) for n in COUNTS}
        projections = [
            [(left[i, :n] @ weights @ right[i, :side]).item() for i in range(PAIRS)] for n, weights in matrices.items()
        ]
        # The other axis has the same weights. (To one column, torch repeats the first row when antialiasing.)
        down = resize(torch.eye(side, dtype=torch.float64)[:, None].expand(side, 2, side), (7, 2), mode)[:, 0]
        assert torch.allclose(down, matrices[7], rtol=0, atol=1e-15)
        whole = {n: [trimmed(row) for row in matrices[n]] for n in WHOLE}
        axes.append({"mode": mode, "side": side, "projections": projections, "whole": whole})

side, channels = 5, 8
table = torch.randn(side, side, channels, generator=generator).round(decimals=3)
tables = [
    {"mode": mode, "grid": grid, "y": resize(table, grid, mode).flatten().tolist()} for mode in MODES for grid in GRIDS
]
goldens = {
    "torch": torch.__version__,
    "left": left.tolist(),
    "right": right.tolist(),
    "axes": axes,
    "table": {"side": side, "channels": channels, "values": table.flatten().tolist()},
    "tables": tables,
}
path = Path(__file__).parent.parent / "fixtures" / "interpolation.json"
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes")
