"""torch's tokens for the full-size tower: f32, one 448×448 picture, 1024 tokens.

    python tests/full/reference.py DIR      (reads DIR/model.safetensors; writes DIR/pixels.safetensors, DIR/expected.safetensors)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))

import torch
from safetensors.torch import load_file, save_file

from pixels import test_pixels
from shape import SOVIT_400M
from tower import build_tower, encode, navit_ids

GRID = (32, 32)
SIDE = 448


def main(folder: Path) -> None:
    pixels = torch.from_numpy(test_pixels(3, SIDE, SIDE))
    save_file({"pixel_values.0": pixels}, folder / "pixels.safetensors")
    tensors = {name.removeprefix("vpm."): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    model = build_tower(SOVIT_400M, tensors)
    result = encode(model, pixels, navit_ids(GRID, SOVIT_400M.table))
    partial = folder / "expected.partial"
    save_file({"last_hidden_state.0": result.tokens, "grid.0": torch.tensor(GRID, dtype=torch.int32)}, partial)
    partial.rename(folder / "expected.safetensors")
    unit = torch.nn.functional.normalize(result.tokens, dim=-1)
    scale = ", ".join(f"{hidden.std():.2f}" for hidden in result.hidden[::9])
    print(f"stream deviation after 0, 9, 18, 27 blocks: {scale}; mean cosine of tokens {(unit @ unit.T).mean():.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
