"""Draws the demo's scenes of emoji into demo/public/samples: python demo/samples/make_scenes.py

Noto Color Emoji (SIL Open Font License 1.1) on grounds of this project's own, as the built-in model knows them: it never
saw these scenes. Each shows some thing twice or more, to be found by pointing at one. Needs Pillow 13, numpy and Debian's
fonts-noto-color-emoji.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "weights" / "train"))

from concepts import NAMES
from emoji import drawings, place

OUT = ROOT / "demo" / "public" / "samples"
SIZE = (640, 480)
SPRITES = drawings()
RNG = np.random.default_rng(3)


def ground(top, bottom, horizon=None, below=None):
    """A gradient, from `horizon` (a share of the height) on another of one colour to itself darkened."""
    y = np.linspace(0, 1, SIZE[1])[:, None, None]
    picture = np.array(top) * (1 - y) + np.array(bottom) * y + np.zeros((1, SIZE[0], 1))
    if horizon is not None:
        wave = np.sin(np.arange(SIZE[0]) / 97) * 0.02 + horizon
        land = np.array(below) * (1.1 - 0.35 * (y - horizon))
        picture = np.where(y[..., 0][:, :, None] * np.ones((1, SIZE[0], 1)) > wave[None, :, None], land, picture)
    return picture


def cloth():
    """A table cloth of checks."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    bars = ((x + y // 9) // 40 % 2 + (y - x // 12) // 40 % 2)[..., None] / 2
    return np.array([250, 244, 236]) * (1 - bars) + np.array([203, 84, 84]) * bars


def stars(picture):
    canvas = Image.fromarray(picture.astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(90):
        x, y, r = RNG.uniform(0, SIZE[0]), RNG.uniform(0, SIZE[1] * 0.72), RNG.uniform(0.5, 1.4)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(226, 226, 246))
    return np.asarray(canvas).astype(float)


def scene(file, picture, things):
    """`things`: name, centre x, centre y, size, angle, whether it is flipped; later ones lie on earlier ones."""
    pixels = np.clip(picture, 0, 255)
    for name, x, y, size, angle, flip in things:
        stamp = place(SPRITES[NAMES.index(name)], size, angle, flip).astype(float)
        top, left = round(y - stamp.shape[0] / 2), round(x - stamp.shape[1] / 2)
        bottom, right = min(top + stamp.shape[0], SIZE[1]), min(left + stamp.shape[1], SIZE[0])
        part = stamp[max(-top, 0) : bottom - top, max(-left, 0) : right - left]
        top, left = max(top, 0), max(left, 0)
        under = pixels[top:bottom, left:right]
        pixels[top:bottom, left:right] = part[..., :3] + under * (1 - part[..., 3:] / 255)
    image = Image.fromarray(np.round(pixels).astype(np.uint8))
    # Few colours make a file of half the size.
    image.quantize(255, dither=Image.Dither.NONE).convert("RGB").save(OUT / file, optimize=True)
    print(file, (OUT / file).stat().st_size)


def main():
    scene("animals.png", ground((150, 205, 238), (220, 238, 245), 0.42, (116, 178, 92)), [
        ("sun", 560, 70, 96, 0, False), ("cloud", 120, 70, 120, 0, False),
        ("fir", 60, 210, 150, 0, False), ("fir", 585, 215, 130, 0, True),
        ("dog", 180, 330, 150, -6, False), ("cat", 345, 300, 120, 8, False), ("dog", 510, 360, 105, 5, True),
        ("rabbit", 300, 430, 84, 0, False), ("butterfly", 300, 160, 74, 20, False), ("butterfly", 432, 190, 56, -25, True),
        ("ladybird", 80, 430, 62, 30, False),
    ])
    scene("picnic.png", cloth(), [
        ("pizza", 150, 150, 190, 15, False), ("watermelon", 420, 110, 170, -12, False), ("coffee", 570, 240, 110, 0, False),
        ("doughnut", 320, 260, 120, 0, False), ("doughnut", 110, 390, 105, 40, False),
        ("strawberry", 250, 400, 84, 10, False), ("strawberry", 330, 430, 70, -30, True), ("strawberry", 225, 310, 56, 60, False),
        ("cheese", 470, 360, 130, 0, False), ("bread", 590, 410, 110, -15, False),
    ])
    scene("traffic.png", ground((176, 214, 240), (232, 240, 246), 0.6, (112, 116, 124)), [
        ("cloud", 330, 60, 110, 0, False), ("aeroplane", 130, 90, 120, -10, False), ("helicopter", 500, 110, 120, 0, False),
        ("house", 80, 235, 130, 0, False), ("tower", 315, 200, 190, 0, False), ("house", 555, 240, 110, 0, True),
        ("bus", 160, 360, 150, 0, False), ("car", 345, 375, 120, 0, False), ("car", 470, 425, 105, 0, True),
        ("bicycle", 575, 345, 110, 0, False),
    ])
    scene("night.png", stars(ground((14, 18, 52), (52, 44, 92), 0.74, (34, 48, 52))), [
        ("moon", 545, 90, 110, 0, False), ("star", 110, 80, 60, 10, False), ("star", 330, 130, 46, -15, False),
        ("rocket", 220, 180, 150, 0, False), ("flying saucer", 440, 220, 130, -8, False),
        ("castle", 100, 350, 190, 0, False), ("owl", 300, 380, 120, 0, False), ("ghost", 425, 370, 120, 6, False),
        ("pumpkin", 545, 400, 120, 0, False), ("pumpkin", 235, 440, 70, -8, False),
    ])


if __name__ == "__main__":
    main()
