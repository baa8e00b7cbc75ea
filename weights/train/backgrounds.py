"""What lies behind the objects. Generators for training and others, never trained on, for the held-out scenes.

A generator makes u8 [SIZE, SIZE, 3] from a random generator. Training draws many, so they are kept in a bank, of which
scenes take turned and recoloured cuts.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 512


def _colours(rng: np.random.Generator, n: int) -> np.ndarray:
    """n colours, f32 [n, 3]; half the time close to one another, as most surfaces are."""
    base = rng.uniform(0, 255, 3)
    spread = rng.uniform(10, 60) if rng.random() < 0.5 else 255
    return np.clip(base + rng.uniform(-spread, spread, (n, 3)), 0, 255).astype(np.float32)


def _mix(field: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Field 0..1 [H, W] to colours, along the row of them."""
    knots = np.linspace(0, 1, len(colours))
    steps = np.clip(np.arange(256) / 255, 0, 1)
    palette = np.stack([np.interp(steps, knots, colours[:, i]) for i in range(3)], -1).astype(np.uint8)
    return palette[(np.clip(field, 0, 1) * 255).astype(np.uint8)]


def _axes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x and y of each pixel in a frame turned at random, f32 [SIZE, SIZE]."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def smooth_noise(rng: np.random.Generator, cells: int, size: int = SIZE) -> np.ndarray:
    """Noise 0..1 with that many cells a side, f32 [size, size]."""
    small = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


def flat(rng: np.random.Generator) -> np.ndarray:
    return np.broadcast_to(_colours(rng, 1).astype(np.uint8), (SIZE, SIZE, 3))


def gradient(rng: np.random.Generator) -> np.ndarray:
    x, _ = _axes(rng)
    return _mix((x - x.min()) / np.ptp(x), _colours(rng, int(rng.integers(2, 4))))


def noise(rng: np.random.Generator) -> np.ndarray:
    return _mix(smooth_noise(rng, int(rng.integers(4, 200))), _colours(rng, int(rng.integers(2, 5))))


def fractal(rng: np.random.Generator) -> np.ndarray:
    octaves = [smooth_noise(rng, 2 ** (i + 2)) * rng.uniform(0.45, 0.75) ** i for i in range(6)]
    field = sum(octaves[1:], octaves[0])
    return _mix((field - field.min()) / np.ptp(field), _colours(rng, int(rng.integers(2, 6))))


def stripes(rng: np.random.Generator) -> np.ndarray:
    x, _ = _axes(rng)
    wave = np.sin(x * (2 * np.pi / np.exp(rng.uniform(np.log(6), np.log(120))))) * rng.choice([0.5, 8])
    return _mix(np.clip(wave, -0.5, 0.5) + 0.5, _colours(rng, 2))


def checks(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes(rng)
    width, height = np.exp(rng.uniform(np.log(6), np.log(90), 2))
    return _mix(((x // width + y // height) % 2), _colours(rng, 2))


def plasma(rng: np.random.Generator) -> np.ndarray:
    field = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(4):
        x, y = _axes(rng)
        field += np.sin(x / rng.uniform(8, 60) + np.sin(y / rng.uniform(15, 80)) * 2)
    return _mix(field / 8 + 0.5, _colours(rng, int(rng.integers(3, 6))))


def dots(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes(rng)
    pitch = np.exp(rng.uniform(np.log(8), np.log(80)))
    radius = rng.uniform(0.2, 0.45) * pitch
    row = np.floor(y / pitch)
    x = x + (row % 2) * pitch * rng.choice([0, 0.5])
    far = np.hypot(x % pitch - pitch / 2, y % pitch - pitch / 2)
    return _mix(np.clip(radius - far + 0.5, 0, 1), _colours(rng, 2))


def bricks(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes(rng)
    height = rng.uniform(8, 50)
    width = height * rng.uniform(1.5, 3)
    joint = rng.uniform(1, 4)
    row = np.floor(y / height)
    x = x + (row % 2) * width / 2
    shade = ((np.floor(x / width) * 37 + row * 59) % 13) / 13 * 0.8  # each brick its own tone
    mortar = (x % width < joint) | (y % height < joint)
    return _mix(np.where(mortar, 1, shade), _colours(rng, 3))


def cells(rng: np.random.Generator) -> np.ndarray:
    """Held out: Voronoi cells, each its own tone, dark seams."""
    points = rng.uniform(0, SIZE, (int(rng.integers(15, 160)), 2)).astype(np.float32)
    tones = rng.random(len(points), dtype=np.float32)
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    first = np.full((SIZE, SIZE), 1e9, np.float32)
    second, tone = first.copy(), np.zeros((SIZE, SIZE), np.float32)
    for (px, py), value in zip(points, tones):
        far = np.hypot(x - px, y - py)
        nearer = far < first
        second = np.where(nearer, first, np.minimum(second, far))
        tone = np.where(nearer, value, tone)
        first = np.where(nearer, far, first)
    return _mix(np.where(second - first < 2.5, 0, tone), _colours(rng, 5))


def rings(rng: np.random.Generator) -> np.ndarray:
    """Held out: the rings of a sawn log, warped."""
    x, y = _axes(rng)
    centre = rng.uniform(-200, 700, 2)
    warp = smooth_noise(rng, int(rng.integers(3, 12))) * rng.uniform(10, 90)
    far = np.hypot(x - centre[0], (y - centre[1]) * rng.uniform(0.2, 1)) + warp
    pitch = np.exp(rng.uniform(np.log(7), np.log(50)))
    return _mix((far / pitch) % 1, _colours(rng, 3))


def triangles(rng: np.random.Generator) -> np.ndarray:
    """Held out: a triangular tiling, each tile its own tone."""
    x, y = _axes(rng)
    side = np.exp(rng.uniform(np.log(10), np.log(90)))
    i, j = x / side - y / side / 3**0.5, y / side * 2 / 3**0.5
    half = (i % 1 + j % 1 > 1).astype(np.float32)
    tone = (np.floor(i) * 41 + np.floor(j) * 67 + half * 29) % 17 / 17
    return _mix(tone, _colours(rng, 4))


def weave(rng: np.random.Generator) -> np.ndarray:
    """Held out: cloth, threads over and under one another."""
    x, y = _axes(rng)
    pitch = np.exp(rng.uniform(np.log(6), np.log(45)))
    over = (np.floor(x / pitch) + np.floor(y / pitch)) % 2
    along = np.where(over == 1, np.abs(np.sin(x / pitch * np.pi)), np.abs(np.sin(y / pitch * np.pi)))
    return _mix(over * 0.5 + along * 0.5, _colours(rng, 3))


_PHOTOS = ["astronaut.png", "chelsea.png", "coffee.png", "grass.png"]  # public domain or CC0, shipped by scikit-image


def photo(rng: np.random.Generator) -> np.ndarray:
    """Held out: a cut of a photo."""
    package = find_spec("skimage")  # its files only: importing it would need scipy
    if package is None or package.origin is None:
        raise ModuleNotFoundError("held-out scenes need scikit-image's photos: pip install -r requirements.txt")
    path = Path(package.origin).parent / "data" / _PHOTOS[int(rng.integers(len(_PHOTOS)))]
    picture = Image.open(path).convert("RGB")
    side = int(rng.uniform(0.5, 1) * min(picture.size))
    left, top = (int(rng.integers(extent - side + 1)) for extent in picture.size)
    cut = picture.crop((left, top, left + side, top + side))
    return np.asarray(cut.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


TRAINED = [flat, gradient, noise, fractal, stripes, checks, plasma, dots, bricks]
HELD_OUT = [cells, rings, triangles, weave, photo]


class Bank:
    """Ready backgrounds. `cut` gives a turned, recoloured cut; now and then one is drawn anew."""

    def __init__(self, rng: np.random.Generator, generators: list, entries: int, renew: float):
        self.generators, self.renew = generators, renew
        self.entries = [self._draw(rng) for _ in range(entries)]

    def _draw(self, rng: np.random.Generator) -> np.ndarray:
        return self.generators[int(rng.integers(len(self.generators)))](rng)

    def cut(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """u8 [height, width, 3]."""
        index = int(rng.integers(len(self.entries)))
        if rng.random() < self.renew:
            self.entries[index] = self._draw(rng)
        entry = self.entries[index]
        repeat = -(-max(height, width) // SIZE)
        if repeat > 1:  # large canvases: the same pattern, larger
            entry = entry.repeat(repeat, 0).repeat(repeat, 1)
        if rng.random() < 0.5:
            entry = entry.transpose(1, 0, 2)
        top, left = (int(rng.integers(SIZE * repeat - side + 1)) for side in (height, width))
        cut = entry[top : top + height, left : left + width][:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
        tone = np.arange(256)[:, None] * rng.uniform(0.7, 1.3, 3) + rng.uniform(-40, 40, 3)
        tone = np.clip(tone, 0, 255).astype(np.uint8)
        return np.stack([tone[:, i][cut[..., i]] for i in range(3)], -1)
