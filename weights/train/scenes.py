"""Scenes: emoji on backgrounds, with what each patch shows.

A patch shows an object when the object covers half of it or more, background when all objects together cover less
than a tenth, and otherwise counts as neither.
"""

import math
from dataclasses import dataclass

import numpy as np

from backgrounds import Bank, smooth_noise
from concepts import NAMES
from emoji import drawings, place

PATCH = 14
BACKGROUND, NEITHER = -1, -2
SMALLEST, LARGEST = 28, 320  # px: the longer side of an object


@dataclass
class Scene:
    pixels: np.ndarray  # u8 [H, W, 3]
    present: np.ndarray  # i8 [K]: 1 shown, 0 absent, -1 mostly hidden
    label: np.ndarray  # i16 [P]: concept, BACKGROUND or NEITHER
    cover: np.ndarray  # f32 [P]: share of the patch under its object
    group: np.ndarray  # i16 [P]: patches of one object, or of one region of background, share it; NEITHER elsewhere


@dataclass
class Recipe:
    objects: tuple[int, int]  # fewest, most
    sizes: tuple[float, float]  # px
    split: float  # probability that the background has several regions
    rough: bool = True  # any angle, tints, noise and brightness as in training


class Painter:
    """Draws scenes. One seed, one sequence of scenes, on one version of numpy and Pillow."""

    def __init__(self, rng: np.random.Generator, generators: list, entries: int = 160, renew: float = 0.05):
        self.rng = rng
        self.sprites = drawings()
        self.bank = Bank(rng, generators, entries, renew)
        self.wobble = [smooth_noise(rng, int(rng.integers(4, 12)), 256) * 2 - 1 for _ in range(32)]
        self.grain = np.clip(rng.normal(0, 32, (1100, 1100, 3)), -127, 127).astype(np.int8)

    def draw(self, height: int, width: int, recipe: Recipe) -> Scene:
        rng = self.rng
        pixels, region = self._background(height, width, recipe)
        owner = np.full((height, width), -1, np.int8)
        concepts, drawn = self._objects(pixels, owner, recipe)
        if recipe.rough:
            pixels = self._roughen(pixels)
        visible = np.bincount((owner + 1).reshape(-1), minlength=len(concepts) + 1)[1:]
        present = np.zeros(len(NAMES), np.int8)
        for concept, seen, whole in zip(concepts, visible, drawn):
            present[concept] = max(1 if seen >= 0.4 * whole else -1, present[concept])
        return Scene(pixels, present, *_patches(owner, region, np.array(concepts)))

    def _background(self, height: int, width: int, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
        """Pixels, and the number of the region that each belongs to."""
        rng = self.rng
        pixels = np.ascontiguousarray(self.bank.cut(rng, height, width))
        if rng.random() >= recipe.split:
            return pixels, np.zeros((height, width), np.int8)
        y, x = np.mgrid[: -(-height // 2), : -(-width // 2)].astype(np.float32) * 2
        far = []
        for _ in range(int(rng.integers(2, 6))):
            wave = self.wobble[int(rng.integers(len(self.wobble)))]
            wave = wave[(y / height * 255).astype(np.int16), (x / width * 255).astype(np.int16)]
            shift = wave * (0.25 * min(height, width))
            far.append(np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height)) + shift)
        region = np.argmin(far, 0).astype(np.int8).repeat(2, 0).repeat(2, 1)[:height, :width]
        for i in range(1, len(far)):
            inside = region == i
            pixels[inside] = self.bank.cut(rng, height, width)[inside]
        return pixels, region

    def _objects(self, pixels: np.ndarray, owner: np.ndarray, recipe: Recipe) -> tuple[list[int], list[int]]:
        """Paints objects; gives their concepts and how many pixels each had before others came to lie on it."""
        rng = self.rng
        height, width = owner.shape
        largest = min(recipe.sizes[1], 0.9 * min(height, width))
        wanted = int(rng.integers(recipe.objects[0], recipe.objects[1] + 1))
        concepts, drawn, circles = [], [], []
        for concept in rng.permutation(len(NAMES))[:wanted]:
            size = math.exp(rng.uniform(math.log(recipe.sizes[0]), math.log(largest)))
            spot = self._spot(height, width, size, circles)
            if spot is None:
                continue
            angle = rng.uniform(0, 360) if recipe.rough and rng.random() < 0.2 else rng.normal(0, 20)
            stamp = place(self.sprites[concept], size, angle, bool(rng.random() < 0.5))
            drawn.append(self._paste(pixels, owner, stamp, spot, len(concepts)))
            concepts.append(int(concept))
            circles.append((*spot, size))
        return concepts, drawn

    def _spot(self, height: int, width: int, size: float, circles: list) -> tuple[float, float] | None:
        """A centre (x, y) where an object hides at most a part of others."""
        for _ in range(12):
            x = self.rng.uniform(min(size * 0.45, width / 2), max(width - size * 0.45, width / 2))
            y = self.rng.uniform(min(size * 0.45, height / 2), max(height - size * 0.45, height / 2))
            if all(math.hypot(x - u, y - v) > 0.4 * (size + s) for u, v, s in circles):
                return x, y
        return None

    def _paste(self, pixels: np.ndarray, owner: np.ndarray, stamp: np.ndarray, spot: tuple, number: int) -> int:
        top, left = round(spot[1] - stamp.shape[0] / 2), round(spot[0] - stamp.shape[1] / 2)
        bottom, right = min(top + stamp.shape[0], pixels.shape[0]), min(left + stamp.shape[1], pixels.shape[1])
        stamp = stamp[max(-top, 0) : bottom - top, max(-left, 0) : right - left]
        top, left = max(top, 0), max(left, 0)
        tint = self.rng.uniform(0.75, 1.2) * self.rng.uniform(0.92, 1.08, 3)
        colour = (stamp[..., :3] * (tint * 128).astype(np.uint16)) >> 7  # at most 255 * 165: fits 16 bits
        alpha = stamp[..., 3:].astype(np.uint16)
        under = pixels[top:bottom, left:right]
        under[:] = np.minimum(np.minimum(colour, alpha) + under * (255 - alpha) // 255, 255)
        solid = alpha[..., 0] > 127
        owner[top:bottom, left:right][solid] = number
        return int(solid.sum())

    def _roughen(self, pixels: np.ndarray) -> np.ndarray:
        """Brightness, contrast and grain of the whole picture, half of the time each."""
        rng = self.rng
        height, width = pixels.shape[:2]
        if rng.random() < 0.5:
            tone = (np.arange(256) - 128) * rng.uniform(0.75, 1.2) + 128 + rng.uniform(-20, 20)
            pixels = np.clip(tone, 0, 255).astype(np.uint8)[pixels]
        if rng.random() < 0.5:
            top, left = int(rng.integers(1100 - height + 1)), int(rng.integers(1100 - width + 1))
            grain = self.grain[top : top + height, left : left + width] * np.int16(rng.integers(1, 9)) >> 5
            pixels = np.clip(pixels + grain, 0, 255).astype(np.uint8)
        return pixels


def _patches(owner: np.ndarray, region: np.ndarray, concepts: np.ndarray) -> tuple[np.ndarray, ...]:
    """label, cover and group of each patch, raster order."""
    rows, columns = owner.shape[0] // PATCH, owner.shape[1] // PATCH
    patch = np.arange(rows).repeat(PATCH)[:, None] * columns + np.arange(columns).repeat(PATCH)
    kinds = len(concepts) + 1
    counts = np.bincount((patch * kinds + owner + 1).reshape(-1), minlength=rows * columns * kinds)
    share = counts.reshape(-1, kinds) / PATCH**2
    first, last = (region[i::PATCH, j::PATCH].reshape(-1) for i, j in ((0, 0), (PATCH - 1, PATCH - 1)))
    empty = share[:, 0] > 0.9
    label = np.where(empty, BACKGROUND, NEITHER).astype(np.int16)
    # Regions are wide and smooth: opposite corners in one region mean that (nearly) all of the patch is.
    group = np.where(empty & (first == last), first, NEITHER).astype(np.int16)
    if kinds == 1:
        return label, np.zeros(len(label), np.float32), group
    best, cover = share[:, 1:].argmax(1), share[:, 1:].max(1).astype(np.float32)
    shown = cover >= 0.5
    label[shown] = concepts[best[shown]]
    group[shown] = best[shown] + 100
    return label, cover, group
