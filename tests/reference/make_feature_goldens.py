"""Writes tests/fixtures/pca.json: principal components by numpy's SVD, in float64; zero-shot.json: SigLIP's scores; and
patchwise.json: foreground, matches and scores of patches, by numpy in float64.

Pinned: numpy, torch, transformers (their versions are in the files). Run: python tests/reference/make_feature_goldens.py
"""

import json
from pathlib import Path

import numpy as np
import torch
import transformers

rng = np.random.default_rng(5)


def golden(patches: int, channels: int, decay: float) -> dict[str, object]:
    """Tokens with an uneven spectrum about a large mean, as an encoder's are, and what the SVD says of them."""
    spectrum = np.diag(decay ** np.arange(channels))
    mixing = np.linalg.qr(rng.normal(size=(channels, channels)))[0]
    tokens = rng.normal(size=(patches, channels)) @ spectrum @ mixing + 5 * rng.normal(size=channels)
    tokens = tokens.astype(np.float32).round(3)
    centred = tokens.astype(np.float64) - tokens.astype(np.float64).mean(0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    components = vt[:3]
    signs = np.sign(components[np.arange(3), np.abs(components).argmax(1)])
    components = components * signs[:, None]
    return {
        "dims": [patches, channels],
        "tokens": [round(float(v), 3) for v in tokens.reshape(-1)],
        "components": components.reshape(-1).round(7).tolist(),
        "projections": (centred @ components.T).reshape(-1).round(6).tolist(),
        "variances": (s[:3] ** 2 / patches).round(7).tolist(),
    }


# More patches than channels, fewer, and more channels than Lanczos steps with close components.
goldens = {"numpy": np.__version__, "cases": [golden(60, 12, 0.7), golden(9, 40, 0.8), golden(40, 100, 0.95)]}
path = Path(__file__).parent.parent / "fixtures" / "pca.json"
path.write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes")


class FromVectors(torch.nn.Module):
    """Stands for a tower of SiglipModel whose embeddings are given."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.vectors = vectors

    def forward(self, **_: object) -> transformers.modeling_outputs.BaseModelOutputWithPooling:
        return transformers.modeling_outputs.BaseModelOutputWithPooling(pooler_output=self.vectors)


def zero_shot(channels: int, texts: int) -> dict[str, object]:
    """Scores of one picture by SiglipModel itself, of embeddings that are random but partly alike."""
    image = rng.normal(size=channels).astype(np.float32)
    rows = (rng.normal(size=(texts, channels)) + np.linspace(-1, 1, texts)[:, None] * image).astype(np.float32)
    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = transformers.SiglipModel(transformers.SiglipConfig(vision_config=small, text_config={**small, "vocab_size": 49408}))
    model.vision_model, model.text_model = FromVectors(torch.tensor(image)[None]), FromVectors(torch.tensor(rows))
    scale, bias = np.float32(rng.normal(1.5, 0.1)), np.float32(rng.normal(-1, 0.2))
    with torch.no_grad():
        model.logit_scale.fill_(float(scale))
        model.logit_bias.fill_(float(bias))
        logits = model(input_ids=torch.zeros(1, 1, dtype=torch.long), pixel_values=torch.zeros(1)).logits_per_image[0]
    return {
        "image": image.tolist(),
        "texts": rows.reshape(-1).tolist(),
        "scale": float(scale),
        "bias": float(bias),
        "probabilities": torch.sigmoid(logits.double()).tolist(),
    }


scores = {"transformers": transformers.__version__, "cases": [zero_shot(12, 7), zero_shot(40, 3)]}
path = Path(__file__).parent.parent / "fixtures" / "zero-shot.json"
path.write_text(json.dumps(scores, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes")


def noise(patches: int, channels: int) -> np.ndarray:
    """Tokens that are alike in groups, as those of one object are, about a mean; the values that the file holds."""
    groups = rng.normal(size=(4, channels))[rng.integers(0, 4, patches)]
    return (groups + 0.6 * rng.normal(size=(patches, channels)) + rng.normal(size=channels)).round(3)


def directions(vectors: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def foreground(rows: int, columns: int, channels: int, blank: int | None = None) -> dict[str, object]:
    """1 less the mean cosine with the most alike quarter (halves up, at least one) of the patches at the picture's rim."""
    tokens = noise(rows * columns, channels)
    if blank is not None:
        tokens[blank] = 0
    rim = np.pad(np.zeros((max(rows - 2, 0), max(columns - 2, 0)), bool), 1, constant_values=True)[:rows, :columns]
    cosines = directions(tokens) @ directions(tokens)[rim.ravel()].T
    quarter = max(1, int(np.floor(rim.sum() / 4 + 0.5)))
    alike = -np.partition(-cosines, quarter - 1, axis=1)[:, :quarter]
    return {
        "grid": [rows, columns],
        "dims": list(tokens.shape),
        "tokens": tokens.reshape(-1).tolist(),
        "unlike": (1 - alike.mean(1)).round(9).tolist(),
    }


def matches(first: int, second: int, channels: int) -> dict[str, object]:
    """Cosines of all pairs of patches less the mean of both pictures', and the pairs largest in their row and column."""
    tokens = noise(first + second, channels)
    unit = directions(tokens - tokens.mean(0))
    cosines = unit[:first] @ unit[first:].T
    mutual = (cosines == cosines.max(1, keepdims=True)) & (cosines == cosines.max(0, keepdims=True))
    pairs = sorted(zip(*np.nonzero(mutual)), key=lambda pair: -cosines[pair])
    return {
        "patches": [first, second],
        "channels": channels,
        "tokens": tokens.reshape(-1).tolist(),
        "cosines": cosines.round(9).reshape(-1).tolist(),
        "pairs": [[int(i), int(j)] for i, j in pairs],
    }


def zero_shot_map(patches: int, channels: int, texts: int) -> dict[str, object]:
    tokens, rows = noise(patches, channels), noise(texts, channels)
    scale, bias = round(rng.normal(1.5, 0.1), 3), round(rng.normal(-1, 0.2), 3)
    logits = np.exp(scale) * (directions(tokens) @ directions(rows).T) + bias
    return {
        "dims": [patches, channels],
        "tokens": tokens.reshape(-1).tolist(),
        "texts": rows.reshape(-1).tolist(),
        "scale": scale,
        "bias": bias,
        "probabilities": (1 / (1 + np.exp(-logits))).round(9).reshape(-1).tolist(),
    }


# Of foreground: rims of 20, 10 (a quarter is 2.5), 9 (all of one row) and 1 patch; and a token without length.
patchwise = {
    "numpy": np.__version__,
    "foreground": [
        foreground(5, 7, 6),
        foreground(3, 4, 5),
        foreground(1, 9, 5),
        foreground(1, 1, 4),
        foreground(4, 4, 5, blank=5),
    ],
    "matches": [matches(12, 9, 6), matches(1, 5, 4), matches(20, 20, 16)],
    "zeroShotMap": [zero_shot_map(9, 8, 4), zero_shot_map(2, 12, 1)],
}
path = Path(__file__).parent.parent / "fixtures" / "patchwise.json"
path.write_text(json.dumps(patchwise, separators=(",", ":")) + "\n")
print(f"{path.name}: {path.stat().st_size} bytes")
