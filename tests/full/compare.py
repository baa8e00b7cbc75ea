"""Prints how far the tokens of OUT are from EXPECTED, as one JSON line.

    python tests/full/compare.py OUT EXPECTED
"""

import json
import sys

import torch
from safetensors.torch import load_file

got, expected = (load_file(path)["last_hidden_state.0"].double() for path in sys.argv[1:3])
if got.shape != expected.shape:
    sys.exit(f"shape {tuple(got.shape)}, expected {tuple(expected.shape)}")
print(json.dumps({
    "minCosine": torch.cosine_similarity(got, expected, dim=-1).min().item(),
    "nmse": (((got - expected) ** 2).sum() / (expected**2).sum()).item(),
    "maxAbs": (got - expected).abs().max().item(),
}))
