"""Writes tests/fixtures/goldens/photo-minicpmv-2_6.safetensors: a photo's way through MiniCPM-V 2.6, slices and all.

Pillow's processor cuts the picture (see make_slicing_goldens.py for why it is 4.6's), the tiny checkpoint minicpmv-2_6 encodes
each piece, torch's resampler makes queries of it. What `sovit encode photo --size minicpm-v` must write: grids, sources,
every queries, and each 32nd token.

    python tests/reference/make_photo_golden.py
"""

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil

import tower
from families.fixture import FIXTURES
from families.minicpmv import NAVIT, navit_weights
from families.resampler import Resampler

PATCH, EVERY = 14, 32
torch.set_num_threads(1)
vpm, resampler = navit_weights()
model, resample = tower.build_tower(NAVIT, vpm), Resampler(resampler)

slicer = MiniCPMV4_6ImageProcessorPil(patch_size=PATCH // 2, downsample_mode="4x")
photo = Image.open(FIXTURES / "images" / "large.png").convert("RGB")
cut = slicer([photo], return_tensors="np")
rows, columns = cut["grids"][0]
sources = [(0, -1, -1)] + [(0, r, c) for r in range(rows) for c in range(columns)]
grids = [tuple(int(n) // 2 for n in size) for size in cut["target_sizes"]]  # its patches are half as long
strip = np.split(cut["pixel_values"][0], np.cumsum([h * w * PATCH // 2 for h, w in cut["target_sizes"]])[:-1], axis=-1)

golden = {}
for i, (grid, source, values) in enumerate(zip(grids, sources, strip, strict=True)):
    half, (h, w) = PATCH // 2, (2 * grid[0], 2 * grid[1])
    # [3, 7, h·w·7], patch after patch, back to [3, H, W].
    pixels = values.reshape(3, half, h, w, half).transpose(0, 2, 1, 3, 4).reshape(3, h * half, w * half)
    tokens = tower.encode(model, torch.from_numpy(pixels.copy()), tower.navit_ids(grid, NAVIT.table)).tokens
    golden[f"grid.{i}"] = torch.tensor(grid, dtype=torch.int32)
    golden[f"source.{i}"] = torch.tensor(source, dtype=torch.int32)
    golden[f"resampled.{i}"] = resample([tokens], [grid])[0]
    golden[f"tokens.{i}"] = tokens[::EVERY].contiguous()
save_file(golden, FIXTURES / "goldens" / "photo-minicpmv-2_6.safetensors")
print(grids)
