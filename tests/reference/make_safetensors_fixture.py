"""Writes tests/unit/checkpoint/fixtures/reference.safetensors with the reference library (safetensors, torch)."""
from pathlib import Path

import torch
from safetensors.torch import save_file

tensors = {
    "half": torch.tensor([[1, -2], [0.5, 65504]], dtype=torch.float16),
    "scalar": torch.tensor(7, dtype=torch.int64),
    "empty": torch.zeros([3, 0], dtype=torch.float32),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "single": torch.tensor([1.5, -2.25, 3e38], dtype=torch.float32),
    "naïve/名": torch.tensor([[[1, -2]]], dtype=torch.bfloat16),
}
out = Path(__file__).parents[1] / "unit/checkpoint/fixtures/reference.safetensors"
out.parent.mkdir(exist_ok=True)
save_file(tensors, out, metadata={"format": "pt"})
