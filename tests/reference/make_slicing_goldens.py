"""Writes tests/fixtures/slicing.safetensors and slicing.json: MiniCPM-V's adaptive slicing and SigLIP 2's NaFlex sizes.

The rule of MiniCPM-V 2.x to 4.5 is that of transformers' processor of 4.6 with patch 7 and `4x`: that processor rounds to
patch × 2, which is then 14. It walks the grids of one count by rows, the older code by columns, and at equal errors takes
the one of more rows, which the older code meets first: the same choice. Between grids of different counts an exact tie
cannot be: it would need the product of the counts, n(n+1) or n(n+2), to be a square. `published` is the older rule in plain
words, and every size below is checked against both.

slicing [N, 9]: width, height, most slices, overview width, height, columns, rows (0 and 0 without slices), refined width,
height. naflex [M, 6]: width, height, patch, most patches, target width, height. slicing.json: sha256 of the pixel values
(f32, [3, height, width]) of all pieces of PNGs in tests/fixtures/images.

Pinned: transformers==5.23.0, pillow==13.0.0, numpy, safetensors.
Run: python tests/reference/make_slicing_goldens.py
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import PIL
import transformers
from PIL import Image
from safetensors.numpy import save_file
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import (
    Siglip2ImageProcessorPil,
    get_image_size_for_max_num_patches,
)

FIXTURES = Path(__file__).parent.parent / "fixtures"
SIDE, PATCH, MOST = 448, 14, 9
rng = np.random.default_rng(46)
slicer = MiniCPMV4_6ImageProcessorPil(patch_size=PATCH // 2, downsample_mode="4x")
rule = {"scale_resolution": SIDE, "patch_size": PATCH // 2, "downsample_mode": "4x"}


def plan(width: int, height: int, most: int) -> list[int]:
    grid = slicer.get_sliced_grid((height, width), most, SIDE)
    overview = slicer.find_best_resize((height, width), allow_upscale=grid is None, **rule)
    if grid is None:
        return [overview[1], overview[0], 0, 0, 0, 0]
    refined = slicer.get_refine_size((height, width), grid, allow_upscale=True, **rule)
    return [overview[1], overview[0], grid[1], grid[0], refined[1], refined[0]]


def published(width: int, height: int, most: int) -> list[int]:
    def whole(length: float, unit: int) -> int:
        return max(unit, unit * round(length / unit))

    def fit(w: float, h: float, enlarge: bool) -> tuple[int, int]:
        if enlarge or w * h > SIDE**2:
            form = w / h
            h = int(SIDE / math.sqrt(form))
            w = int(h * form)
        return whole(w, PATCH), whole(h, PATCH)

    count = min(math.ceil(width * height / SIDE**2), most)
    if count <= 1:
        return [*fit(width, height, True), 0, 0, 0, 0]
    counts = [n for n in (count - 1, count, count + 1) if 1 < n <= most]
    grids = [(columns, n // columns) for n in counts for columns in range(1, n + 1) if n % columns == 0]
    form = math.log(width / height)
    columns, rows = min(grids, key=lambda grid: abs(form - math.log(grid[0] / grid[1])))  # the first of equals
    cell = fit(whole(width, columns) / columns, whole(height, rows) / rows, True)
    return [*fit(width, height, False), columns, rows, cell[0] * columns, cell[1] * rows]


def spread(count: int, longest: int) -> list[tuple[int, int]]:
    """Sizes of all orders of magnitude."""
    return [tuple(int(longest ** rng.random()) for _ in range(2)) for _ in range(count)]


photos = [(640, 480), (1280, 720), (1920, 1080), (1344, 1344), (4032, 3024), (1000, 100), (224, 224), (512, 512)]
squares = [(n, n) for n in (*range(440, 460), *range(630, 640), *range(990, 1190, 5), 1001, 1002, 1003, 1185, 1186, 4000)]
ties = [(7 * int(a), 7 * int(b)) for a, b in rng.integers(1, 64, (150, 2))]  # halves of patches, mostly unsliced
reciprocal = [(448 * c // r, 448 * r // c) for r in range(1, 6) for c in range(1, 6)]
thin = [(1, 1), (1, 32768), (32768, 1), (32768, 20), (20, 32768), (32768, 32768), (3, 5000), (5000, 3), (13, 13), (447, 449)]
usual = photos + squares + ties + reciprocal + thin + spread(1200, 9000)
usual += [tuple(int(n) for n in rng.integers(300, 2500, 2)) for _ in range(900)]
mosts = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 25, 36]
cases = [(*size, MOST) for size in dict.fromkeys(usual)]
cases += [(*size, most) for most in mosts for size in spread(20, 9000) + squares[::9] + reciprocal[::4]]
slicing = [[*case, *plan(*case)] for case in cases]
for *case, ow, oh, columns, rows, rw, rh in slicing:
    assert published(*case) == [ow, oh, columns, rows, rw, rh], case


def naflex_case(width: int, height: int, patch: int, most: int) -> list[int]:
    to = get_image_size_for_max_num_patches(height, width, patch, most)
    return [width, height, patch, most, to[1], to[0]]


naflex = [
    naflex_case(*size, patch, most)
    for patch, most in [(16, n) for n in (1, 2, 3, 16, 64, 196, 256, 400, 576, 1024, 4096)] + [(14, 256), (14, 1024)]
    for size in photos[:5] + squares[::12] + thin + spread(140, 9000)
]
# The longest sides show best where the search ends, and above all those that a longer search would change.
longest = [tuple(int(n) for n in rng.integers(8000, 32769, 2)) for _ in range(8000)]
changed = [
    (w, h)
    for w, h in longest
    if get_image_size_for_max_num_patches(h, w, 16, 1024) != get_image_size_for_max_num_patches(h, w, 16, 1024, 1e-6)
]
naflex += [naflex_case(*size, 16, 1024) for size in longest[:400] + changed]
tensors = {"slicing": np.array(slicing, np.int32), "naflex": np.array(naflex, np.int32)}
save_file(tensors, FIXTURES / "slicing.safetensors")


def piece(values: np.ndarray, row: int, column: int) -> dict[str, object]:
    """`values`: [3, height, width], float32."""
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return {
        "place": [row, column],
        "height": values.shape[1],
        "width": values.shape[2],
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def opened(file: str) -> Image.Image:
    return Image.open(FIXTURES / "images" / file).convert("RGB")


def sliced_pixels(file: str, most: int) -> dict[str, object]:
    out = slicer(opened(file), max_slice_nums=most, return_tensors="np")
    rows, columns = out["grids"][0]
    places = [(-1, -1)] + [(i // columns, i % columns) for i in range(rows * columns)]
    assert len(places) == out["num_patches_per_image"][0]
    strip, pieces, small = out["pixel_values"][0], [], PATCH // 2
    for place, (down, across) in zip(places, out["target_sizes"].tolist(), strict=True):
        own, strip = np.split(strip, [down * across * small], axis=2)
        values = own.reshape(3, small, down, across, small).transpose(0, 2, 1, 3, 4)
        pieces.append(piece(values.reshape(3, down * small, across * small), *place))
    assert strip.shape[2] == 0
    return {"file": file, "maxSlices": most, "pieces": pieces}


def naflex_pixels(file: str, most: int) -> dict[str, object]:
    processor = Siglip2ImageProcessorPil(patch_size=16, max_num_patches=most)
    out = processor(opened(file), return_tensors="np")
    rows, columns = (int(n) for n in out["spatial_shapes"][0])
    patches = out["pixel_values"][0][: rows * columns].reshape(rows, columns, 16, 16, 3)
    values = patches.transpose(4, 0, 2, 1, 3).reshape(3, rows * 16, columns * 16)
    return {"file": file, "naflex": most, "pieces": [piece(values, -1, -1)]}


goldens = {
    "transformers": transformers.__version__,
    "pillow": PIL.__version__,
    "slicing": [sliced_pixels("large.png", 9), sliced_pixels("large.png", 2)]
    + [sliced_pixels(file, 9) for file in ("shapes.png", "noise.png", "column.png")],
    "naflex": [naflex_pixels("large.png", 64), naflex_pixels("noise.png", 256)],
}
(FIXTURES / "slicing.json").write_text(json.dumps(goldens, indent=2) + "\n")
size = (FIXTURES / "slicing.safetensors").stat().st_size
print(f"{len(slicing)} plans, {len(naflex)} NaFlex sizes ({len(changed)} by the end of the search), {size} bytes; grids of large.png: {len(goldens['slicing'][0]['pieces'])} pieces")
