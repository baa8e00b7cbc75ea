"""Writes tests/fixtures/pca.json: principal components by numpy's SVD, in float64.

Pinned: numpy (its version is in the file). Run: python tests/reference/make_feature_goldens.py
"""

import json
from pathlib import Path

import numpy as np

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
