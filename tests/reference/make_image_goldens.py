"""Writes tests/fixtures/images/: synthetic pictures of every kind, and what Pillow makes of them.

goldens.json holds the sha256 of Pillow's bytes for decoding and resizing, and the sizes of `native` by Python's round.
Lossy pictures have Pillow's decoded pixels beside them (.rgb), because decoders may differ in the last bit there.
ramp.f32 is what transformers makes of all 256 byte values.

Pinned: pillow==13.0.0, transformers==5.23.0, numpy. Everything is drawn or seeded here; nothing is anybody's photograph.
Run: python tests/reference/make_image_goldens.py
"""

import hashlib
import json
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageOps
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

OUT = Path(__file__).parent.parent / "fixtures" / "images"
OUT.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(3)

# PNG's colour types and how many samples a pixel has in each (PNG specification, 3rd edition, table 1).
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows: list[bytes], step: int) -> bytes:
    """Applies the five filters of PNG in turn, so that each kind of picture exercises all of them."""
    out, above = b"", bytes(len(rows[0]))
    for y, row in enumerate(rows):
        kind = y % 5
        line = bytearray([kind])
        for i, value in enumerate(row):
            left = row[i - step] if i >= step else 0
            up = above[i]
            corner = above[i - step] if i >= step else 0
            estimate = left + up - corner
            distances = [(abs(estimate - left), 0, left), (abs(estimate - up), 1, up), (abs(estimate - corner), 2, corner)]
            line.append((value - [0, left, up, (left + up) // 2, min(distances)[2]][kind]) % 256)
        out += line
        above = row
    return out


def png(samples: np.ndarray, depth: int, colour: int, interlace: bool = False, extra: list[bytes] = []) -> bytes:
    """A PNG of `samples` [height, width, channels], which Pillow cannot write for every depth, interlaced."""
    height, width, _ = samples.shape

    def pack(row: np.ndarray) -> bytes:
        bits = "".join(f"{value:0{depth}b}" for value in row.reshape(-1))
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))

    step = max(1, CHANNELS[colour] * depth // 8)
    data = b""
    for x0, y0, dx, dy in ADAM7 if interlace else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.size:
            data += filtered([pack(row) for row in part], step)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlace))
    packed = zlib.compress(data, 9)
    middle = len(packed) // 2  # two IDAT chunks: readers must join them
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", packed[:middle]), chunk(b"IDAT", packed[middle:])]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def noise(width: int, height: int, channels: int, depth: int) -> np.ndarray:
    return rng.integers(0, 2**depth, (height, width, channels))


def shapes(width: int, height: int) -> Image.Image:
    """A smooth background with drawn shapes: edges of all directions and flat parts."""
    y, x = np.mgrid[0:height, 0:width]
    background = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) % 256], 2)
    image = Image.fromarray(background.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse([width // 8, height // 8, width // 2, height // 2], fill=(250, 240, 20), outline=(0, 0, 0))
    draw.polygon([(width - 2, 3), (width // 2, height - 4), (width - 5, height - 9)], fill=(20, 200, 90))
    draw.line([0, height, width, 0], fill=(255, 255, 255), width=2)
    return image


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


files: dict[str, bytes] = {}

# PNG kinds. Odd widths leave the last byte of a row partly used at 1, 2 and 4 bits.
for colour, name, depths in [
    (GREY, "grey", (1, 2, 4, 8)),
    (RGB, "rgb", (8, 16)),
    (PALETTE, "palette", (1, 2, 4, 8)),
    (GREY_ALPHA, "grey-alpha", (8, 16)),
    (RGBA, "rgba", (8, 16)),
]:
    for depth in depths:
        palette = [chunk(b"PLTE", rng.integers(0, 256, 3 * 2**depth, dtype=np.uint8).tobytes())] if colour == PALETTE else []
        for interlace in (False, True):
            pixels = noise(19, 13, CHANNELS[colour], depth)
            files[f"{name}{depth}{'-adam7' if interlace else ''}.png"] = png(pixels, depth, colour, interlace, palette)

grey16 = noise(19, 13, 1, 16)
files["grey16.png"] = png(grey16, 16, GREY)

# Interlaced pictures smaller than a block lack whole passes.
files["rgb8-adam7-1x1.png"] = png(noise(1, 1, 3, 8), 8, RGB, True)
files["rgb8-adam7-3x2.png"] = png(noise(3, 2, 3, 8), 8, RGB, True)

# Colour under alpha 0 and under partial alpha must survive.
transparent = noise(16, 8, 4, 8)
transparent[:, :6, 3] = 0
transparent[:, 6:12, 3] = rng.integers(1, 255, (8, 6))
files["rgba8-transparent.png"] = png(transparent, 8, RGBA)
files["palette4-trns.png"] = png(
    noise(9, 9, 1, 4), 4, PALETTE, extra=[chunk(b"PLTE", rng.integers(0, 256, 48, dtype=np.uint8).tobytes()), chunk(b"tRNS", bytes(range(0, 160, 10)))]
)
short = [chunk(b"PLTE", rng.integers(0, 256, 15, dtype=np.uint8).tobytes())]
files["palette4-short.png"] = png(noise(9, 9, 1, 4), 4, PALETTE, extra=short)  # indices beyond the palette
files["rgb8-trns.png"] = png(noise(9, 9, 3, 8) // 128 * 255, 8, RGB, extra=[chunk(b"tRNS", struct.pack(">HHH", 255, 0, 255))])

# Colour management that is to be ignored: linear gamma with odd primaries, and a profile whose red and blue are swapped.
chrm = struct.pack(">8I", 31270, 32900, 30000, 60000, 64000, 33000, 15000, 6000)
files["rgb8-gama.png"] = png(noise(16, 16, 3, 8), 8, RGB, extra=[chunk(b"gAMA", struct.pack(">I", 100000)), chunk(b"cHRM", chrm)])


def swapped_profile() -> bytes:
    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for i in range(struct.unpack(">I", profile[128:132])[0]):
        name, offset, length = struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i])
        tags[name] = (offset, length)
    (red, n), (blue, _) = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + n], profile[blue : blue + n] = profile[blue : blue + n], profile[red : red + n]
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)  # when it was made: the same whenever this runs
    return bytes(profile)


icc = swapped_profile()
files["rgb8-icc.png"] = png(noise(16, 16, 3, 8), 8, RGB, extra=[chunk(b"iCCP", b"swapped\0\0" + zlib.compress(icc))])

for orientation in range(1, 9):
    order = "<" if orientation % 2 else ">"  # both byte orders of TIFF
    block = b"II*\0" if order == "<" else b"MM\0*"
    block += struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    files[f"rgb8-exif{orientation}.png"] = png(noise(7, 5, 3, 8), 8, RGB, extra=[chunk(b"eXIf", block)])

lossless = list(files)

# Sources of the resizes.
resizable = {
    "shapes.png": shapes(200, 150),
    "noise.png": Image.fromarray(noise(97, 61, 3, 8).astype(np.uint8)),
    "binary.png": Image.fromarray((noise(64, 48, 3, 1) * 255).astype(np.uint8)),
    "pixel.png": Image.new("RGB", (1, 1), (12, 200, 77)),
    "column.png": Image.fromarray(noise(1, 300, 3, 8).astype(np.uint8)),
    "row.png": Image.fromarray(noise(300, 1, 3, 8).astype(np.uint8)),
    "large.png": shapes(1300, 867),
}


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


files |= {name: encoded(image, "PNG", optimize=True) for name, image in resizable.items()}

# JPEG, WebP, AVIF: what sharp and browsers decode.
lossy = {f"orientation{n}.jpg": encoded(shapes(40, 24), "JPEG", quality=92, exif=exif(n)) for n in range(1, 9)}
lossy["icc.jpg"] = encoded(shapes(40, 24), "JPEG", quality=95, subsampling=0, icc_profile=icc)
lossy["grey.jpg"] = encoded(shapes(40, 24).convert("L"), "JPEG", quality=95)
inks = [*shapes(40, 24).convert("CMYK").split()[:3], shapes(40, 24).convert("L")]
lossy["cmyk.jpg"] = encoded(Image.merge("CMYK", inks), "JPEG", quality=95)
lossy["lossy.webp"] = encoded(shapes(40, 24), "WEBP", quality=90)
lossy["picture.avif"] = encoded(shapes(40, 24), "AVIF", quality=95, subsampling="4:4:4")
files["lossless.webp"] = encoded(shapes(40, 24), "WEBP", lossless=True)
files["transparent.webp"] = encoded(Image.fromarray(transparent.astype(np.uint8), "RGBA"), "WEBP", lossless=True, exact=True)
lossless += ["lossless.webp", "transparent.webp"]


def decoded(data: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")


for name, data in (files | lossy).items():
    (OUT / name).write_bytes(data)
for name, data in lossy.items():
    (OUT / name).with_suffix(f"{Path(name).suffix}.rgb").write_bytes(decoded(data).tobytes())


def decode_golden(name: str) -> dict[str, object]:
    image = decoded(files[name])
    if name == "grey16.png":  # Pillow 13 clips 16-bit grey at 255; the rule here is the high byte
        image = Image.fromarray((grey16[..., 0] >> 8).astype(np.uint8)).convert("RGB")
    return {"file": name, "width": image.width, "height": image.height, "sha256": sha(image.tobytes())}


FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def resize_golden(name: str, width: int, height: int, kind: str) -> dict[str, object]:
    image = decoded(files[name]).resize((width, height), FILTERS[kind])
    return {"file": name, "width": width, "height": height, "filter": kind, "sha256": sha(image.tobytes())}


cases = [
    (name, *size)
    for name in resizable
    for size in [(448, 448), (1, 1), (224, 14), (14, 1003), tuple(int(n) for n in rng.integers(1, 600, 2))]
]
cases += [("shapes.png", 200, 150), ("shapes.png", 200, 77), ("shapes.png", 77, 150), ("noise.png", 98, 60)]
cases += [("row.png", 3001, 1), ("column.png", 2, 5), ("pixel.png", 37, 11), ("large.png", 1301, 866)]
cases += [(str(rng.choice(["shapes.png", "noise.png", "binary.png"])), *(int(n) for n in rng.integers(1, 700, 2))) for _ in range(24)]

processor = SiglipImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.5] * 3, size={"height": 448, "width": 448})


def pixel_values(image: Image.Image, **options: object) -> bytes:
    return processor(image, return_tensors="np", **options)["pixel_values"][0].astype("<f4").tobytes()


ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("RGB")
(OUT / "ramp.f32").write_bytes(pixel_values(ramp, do_resize=False))


def native(width: int, height: int, patch: int, limit: int) -> list[int]:
    scale = min(1, limit / max(width, height))
    return [min(limit, max(patch, patch * round(side * scale / patch))) for side in (width, height)]


sizes = [(455, 469, 14, 980), (7, 2000, 14, 980), (980, 980, 14, 980), (4032, 3024, 14, 980), (24, 40, 16, 512), (1, 1, 14, 980)]
sizes += [(*(int(n) for n in rng.integers(1, 4000, 2)), 14, 980) for _ in range(40)]
sizes += [(int(n) * 7, int(m) * 7, 14, 980) for n, m in rng.integers(1, 140, (20, 2))]  # ties of the rounding

goldens = {
    "pillow": PIL.__version__,
    "decode": [decode_golden(name) for name in lossless],
    "lossy": [{"file": name, "width": (im := decoded(data)).width, "height": im.height} for name, data in lossy.items()],
    "resize": [resize_golden(*case, kind) for case in dict.fromkeys(cases) for kind in FILTERS],
    "preprocess": [{"file": name, "sha256": sha(pixel_values(decoded(files[name])))} for name in ("shapes.png", "large.png")],
    "native": [{"from": [w, h], "patch": p, "limit": limit, "to": native(w, h, p, limit)} for w, h, p, limit in sizes],
}
(OUT / "goldens.json").write_text("{\n" + ",\n".join(
    f' "{key}": ' + ("[\n  " + ",\n  ".join(json.dumps(item) for item in value) + "\n ]" if isinstance(value, list) else json.dumps(value))
    for key, value in goldens.items()
) + "\n}\n")
print(f"{len(files) + len(lossy)} pictures, {sum(f.stat().st_size for f in OUT.iterdir())} bytes; "
      f"{len(goldens['decode'])} decodes, {len(goldens['resize'])} resizes")
