"""The drawings: Noto Color Emoji (SIL Open Font License 1.1), rendered once, pasted at any size and angle."""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from concepts import EMOJI

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"  # Debian's fonts-noto-color-emoji 2.042
STRIKE = 109  # the one size that the font's bitmaps have


def drawings() -> list[list[Image.Image]]:
    """For each concept its drawing, cropped, premultiplied, in three sizes: 1, 1/2, 1/4."""
    font = ImageFont.truetype(FONT, STRIKE)
    return [_levels(_draw(emoji, font)) for emoji in EMOJI]


def _draw(emoji: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    canvas = Image.new("RGBA", (180, 180))
    ImageDraw.Draw(canvas).text((20, 20), emoji, font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        raise ValueError(f"the font draws nothing for {emoji!r}")
    return canvas.crop(box)


def _levels(drawing: Image.Image) -> list[Image.Image]:
    # Pillow blends "RGBa" (premultiplied) without converting to and fro, so that nothing bleeds in at the rim.
    full = drawing.convert("RGBa")
    halves = [full.reduce(2), full.reduce(4)]
    return [full, *halves]


def place(levels: list[Image.Image], size: float, angle: float, flip: bool) -> np.ndarray:
    """The drawing with its longer side `size` px, turned by `angle` degrees: premultiplied u8 [h, w, 4]."""
    full = max(levels[0].size)
    level = min(range(len(levels)), key=lambda i: abs(math.log(full / 2**i / size))) if size < full else 0
    source = levels[level]
    zoom = max(source.size) / size  # source px per px
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    w, h = source.width / zoom, source.height / zoom
    out_w, out_h = math.ceil(abs(w * cos) + abs(h * sin)), math.ceil(abs(w * sin) + abs(h * cos))
    a, b, d, e = zoom * cos, zoom * sin, -zoom * sin, zoom * cos
    if flip:
        a, b = -a, -b
    c = source.width / 2 - a * out_w / 2 - b * out_h / 2
    f = source.height / 2 - d * out_w / 2 - e * out_h / 2
    placed = source.transform(
        (out_w, out_h), Image.Transform.AFFINE, (a, b, c, d, e, f), resample=Image.Resampling.BILINEAR
    )
    return np.asarray(placed)
