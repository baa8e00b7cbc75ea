"""Test pictures that need no file: `tests/fixtures/pixels.ts` makes the same bits.

A picture is blocks of 16×16 random colours under random noise. 16 is no patch size, so patches hold edges.
"""

import numpy as np


def scramble(x: np.ndarray) -> np.ndarray:
    """Thomas Mueller's 32-bit integer hash, on uint32 with wrap-around."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x45D9F3B)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x45D9F3B)
    return x ^ (x >> np.uint32(16))


def test_bytes(seed: int, height: int, width: int) -> np.ndarray:
    """uint8 [3, height, width]"""
    c, y, x = np.indices((3, height, width), dtype=np.uint32)
    block = scramble((((y >> np.uint32(4)) * np.uint32(1024) + (x >> np.uint32(4))) * np.uint32(3) + c) + np.uint32(seed))
    noise = scramble(((y * np.uint32(16384) + x) * np.uint32(3) + c) ^ np.uint32(seed * 7919 + 1))
    value = (block & np.uint32(255)) * np.uint32(3) + (noise & np.uint32(255))
    return (value >> np.uint32(2)).astype(np.uint8)


def test_pixels(seed: int, height: int, width: int) -> np.ndarray:
    """Normalised float32 [3, height, width]: byte / 127.5 - 1, each step rounded to float32."""
    return test_bytes(seed, height, width).astype(np.float32) / np.float32(127.5) - np.float32(1)
