"""Writes tests/fixtures/windows.json: the order of patches in 2x2 windows, by transformers' own function.

Pinned: transformers==5.23.0. Run: python tests/reference/make_window_goldens.py
"""

import json
from pathlib import Path

import torch
import transformers
from transformers.vision_utils import get_vision_window_index

GRIDS = [(2, 2), (2, 6), (6, 2), (4, 4), (6, 10), (32, 32)]


def order(rows: int, columns: int) -> list[int]:
    """As `get_window_index` of the MiniCPM-V 4.6 merger calls it."""
    index, bounds = get_vision_window_index(
        torch.tensor([[1, rows, columns]]), spatial_merge_size=1, window_size=2, patch_size=1
    )
    assert bounds.tolist() == list(range(0, rows * columns + 1, 4))
    # The final merger joins the patches of raster order by a permutation of its own.
    joined = torch.arange(rows * columns).view(rows // 2, 2, columns // 2, 2).permute(0, 2, 1, 3).reshape(-1)
    assert torch.equal(index, joined)
    return index.tolist()


goldens = {
    "transformers": transformers.__version__,
    "windows": [{"grid": grid, "order": order(*grid)} for grid in GRIDS],
}
path = Path(__file__).parent.parent / "fixtures" / "windows.json"
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes")
