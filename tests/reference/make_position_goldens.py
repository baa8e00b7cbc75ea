"""Writes tests/fixtures/positions.json: bucket indices of the released MiniCPM-V 2.6 position code.

2.5 buckets all patches of a picture along one axis (`row0`): there only the indices are kept that are one below the floor.

Pinned: torch==2.13.0 on an x86-64 CPU (the float32 arange depends on its vector width).
Run: python tests/reference/make_position_goldens.py
"""

import json
from pathlib import Path

import torch

SIDE = 70


def released(n: int) -> list[int]:
    """The bucketizing of `SiglipVisionEmbeddings.forward` in modeling_navit_siglip.py, for one axis of n patches."""
    boundaries = torch.arange(1 / SIDE, 1.0, 1 / SIDE)
    count = torch.tensor(n)  # in the released code the count comes from a tensor, so 1 / n is a float32 tensor
    coordinates = torch.arange(0, 1 - 1e-6, 1 / count)
    assert len(coordinates) == n
    return torch.bucketize(coordinates, boundaries, right=True).tolist()


def below_floor(n: int) -> list[int]:
    floor = [SIDE * i // n for i in range(n)]
    found = released(n)
    assert all(0 <= a - b <= 1 for a, b in zip(floor, found, strict=True))
    return [i for i in range(n) if found[i] != floor[i]]


released_buckets = {n: released(n) for n in range(1, 145)}
goldens = {
    "torch": torch.__version__,
    "side": SIDE,
    # exact integers, by Python's own floor division
    "navit": {n: [SIDE * i // n for i in range(n)] for n in range(1, 145)},
    "navit-float32": released_buckets,
    "row0": {n: below_floor(n) for n in [*range(1, 1201), 2048, 4900]},
}
path = Path(__file__).parent.parent / "fixtures" / "positions.json"
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
different = [n for n in range(1, 145) if goldens["navit"][n] != released_buckets[n]]
print(f"{path.name}: {path.stat().st_size} bytes; the two modes differ for n = {different}")
