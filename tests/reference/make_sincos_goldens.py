"""Writes tests/fixtures/sincos.json: positions of MiniCPM-V's resampler, by numpy in float32.

Of wide tables, sampled channels only. Pinned: numpy (its version is in the file).
Run: python tests/reference/make_sincos_goldens.py
"""

import json
from pathlib import Path

import numpy as np


def sincos(positions: np.ndarray, width: int) -> np.ndarray:
    """[..., width]: sines and then cosines of float32 positions, all in float32."""
    exponents = np.arange(width // 2, dtype=np.float32) / np.float32(width / 2)
    omegas = 1.0 / 10000**exponents
    angles = positions[..., None] * omegas
    assert angles.dtype == np.float32
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)


def grid(rows: int, columns: int, width: int) -> np.ndarray:
    """[rows, columns, width]: columns in the first half of the channels, rows in the second."""
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return np.concatenate([sincos(x, width // 2), sincos(y, width // 2)], axis=-1)


def listed(values: np.ndarray) -> list[float]:
    return [float(f"{value:.9g}") for value in values.reshape(-1)]


rng = np.random.default_rng(3)
grids = []
for rows, columns, width, count in [(3, 5, 16, 16), (70, 34, 3584, 24), (2, 143, 4096, 16)]:
    channels = np.sort(rng.permutation(width)[:count])
    places = [(rows - 1, columns - 1), *((int(rng.integers(rows)), int(rng.integers(columns))) for _ in range(14))]
    table = grid(rows, columns, width)
    values = np.stack([table[place][channels] for place in places])
    grids.append({"width": width, "places": places, "channels": channels.tolist(), "values": listed(values)})
frames = [0, 1, 35, 71999, 12345, 70001]
temporal = []
for width, count in [(16, 16), (4096, 64)]:
    channels = np.sort(rng.permutation(width)[:count])
    values = sincos(np.array(frames, dtype=np.float32), width)[:, channels]
    temporal.append({"width": width, "channels": channels.tolist(), "values": listed(values)})

goldens = {"numpy": np.__version__, "grids": grids, "frames": frames, "temporal": temporal}
path = Path(__file__).parent.parent / "fixtures" / "sincos.json"
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes")
