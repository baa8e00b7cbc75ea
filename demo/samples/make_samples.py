"""Draws the demo's sample pictures into demo/public/samples: python demo/samples/make_samples.py

They are this project's own and free for any use (CC0). Each has distinct objects, plain areas and textures, so that
patches differ in ways that a person can name. Drawn at twice the size and shrunk, for smooth edges. Needs Pillow 13.
"""

import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

OUT = Path(__file__).resolve().parent.parent / "public" / "samples"
SCALE = 2


def gradient(size, *stops):
    """A vertical gradient through (height fraction, colour) stops."""
    width, height = size
    column = Image.new("RGB", (1, height))
    for y in range(height):
        t = y / (height - 1)
        for (t0, c0), (t1, c1) in zip(stops, stops[1:]):
            if t0 <= t <= t1:
                u = (t - t0) / (t1 - t0)
                column.putpixel((0, y), tuple(round(a + (b - a) * u) for a, b in zip(c0, c1)))
                break
    return column.resize((width, height))


class Scene:
    """A canvas in the coordinates of the finished picture."""

    def __init__(self, width, height, *stops):
        self.size = (width, height)
        self.image = gradient((width * SCALE, height * SCALE), *stops)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def at(self, points):
        return [(x * SCALE, y * SCALE) for x, y in points]

    def polygon(self, points, fill):
        self.draw.polygon(self.at(points), fill=fill)

    def line(self, points, fill, width=1):
        self.draw.line(self.at(points), fill=fill, width=round(width * SCALE), joint="curve")

    def box(self, x0, y0, x1, y1, fill, radius=0):
        self.draw.rounded_rectangle(self.at([(x0, y0), (x1, y1)]), radius * SCALE, fill=fill)

    def disc(self, x, y, rx, ry=None, fill=None):
        ry = rx if ry is None else ry
        self.draw.ellipse(self.at([(x - rx, y - ry), (x + rx, y + ry)]), fill=fill)

    def ball(self, x, y, rx, ry, dark, light):
        """A disc lit from the upper left."""
        steps = 40
        for step in range(steps):
            t = step / (steps - 1)
            shade = tuple(round(a + (b - a) * t**1.3) for a, b in zip(dark, light))
            keep = 1 - 0.92 * t
            self.disc(x - rx * 0.3 * t, y - ry * 0.34 * t, rx * keep, ry * keep, shade)

    def save(self, name):
        self.image.resize(self.size, Image.Resampling.BOX).save(OUT / name, optimize=True)


def still_life():
    random.seed(1)
    s = Scene(640, 480, (0, (64, 82, 104)), (0.62, (104, 124, 140)), (1, (104, 124, 140)))
    for x in range(16, 640, 44):  # papered wall
        for y in range(14, 300, 44):
            shift = 22 if (y // 44) % 2 else 0
            s.polygon([(x + shift, y - 9), (x + shift + 7, y), (x + shift, y + 9), (x + shift - 7, y)], (150, 170, 182, 90))
    for row, y in enumerate(range(300, 480, 30)):  # checked tablecloth
        for column, x in enumerate(range(-30, 660, 40)):
            s.box(x, y, x + 40, y + 30, (238, 229, 210) if (row + column) % 2 else (186, 66, 62))
    s.box(0, 296, 640, 304, (92, 40, 42))
    # vase with stripes and leaves
    for angle in range(-70, 71, 20):
        a = math.radians(angle - 90)
        tip = (486 + 150 * math.cos(a), 190 + 150 * math.sin(a))
        side = (30 * math.sin(a), -30 * math.cos(a))
        mid = (486 + 80 * math.cos(a), 190 + 80 * math.sin(a))
        green = (46 + angle // 3, 112 + angle // 4, 62)
        s.polygon([(486, 200), (mid[0] + side[0], mid[1] + side[1]), tip, (mid[0] - side[0], mid[1] - side[1])], green)
        s.line([(486, 200), tip], (150, 190, 120), 2)
    s.disc(488, 372, 86, 16, (40, 20, 24, 110))
    s.polygon([(456, 186), (516, 186), (524, 214), (562, 270), (548, 350), (522, 374), (450, 374), (424, 350), (410, 270), (448, 214)], (44, 96, 148))
    for y, half in ((246, 64), (278, 75), (310, 72), (342, 64)):
        s.box(486 - half, y, 486 + half, y + 10, (226, 214, 178))
    s.polygon([(456, 186), (472, 186), (458, 240), (446, 340), (430, 330), (424, 270), (448, 214)], (255, 255, 255, 46))
    # bowl and fruit
    s.disc(214, 410, 176, 22, (40, 20, 24, 110))
    s.ball(126, 290, 52, 50, (120, 20, 30), (240, 92, 74))
    s.line([(128, 248), (134, 226)], (70, 44, 30), 5)
    s.ball(216, 270, 60, 58, (196, 98, 12), (255, 196, 84))
    for _ in range(170):
        a, r = random.uniform(0, 2 * math.pi), 56 * math.sqrt(random.random())
        s.disc(216 + r * math.cos(a), 270 + r * math.sin(a), 1.1, fill=(150, 74, 10, 150))
    s.ball(306, 292, 50, 54, (78, 112, 20), (202, 222, 96))
    s.line([(304, 244), (296, 222)], (70, 44, 30), 5)
    for x, y in ((172, 316), (192, 330), (214, 320), (234, 332), (254, 318), (204, 306), (230, 306)):
        s.ball(x, y, 19, 19, (44, 18, 66), (146, 98, 182))
    rim = [(40, 312), (388, 312)]
    arc = [(214 + 172 * math.cos(t / 40 * math.pi), 318 + 96 * math.sin(t / 40 * math.pi)) for t in range(41)]
    s.polygon(rim[::-1] + arc[::-1], (228, 222, 212))
    s.polygon(arc[:14] + [(300, 318)], (0, 0, 0, 40))
    for x in range(70, 372, 30):
        s.disc(x, 348, 8, 10, (52, 110, 128))
        s.disc(x, 348, 3, 4, (228, 222, 212))
    s.box(36, 308, 392, 320, (246, 242, 234), 6)
    s.save("still-life.png")


def harbour():
    random.seed(2)
    s = Scene(640, 480, (0, (44, 108, 178)), (0.45, (190, 220, 232)), (0.55, (248, 226, 190)), (1, (248, 226, 190)))
    s.disc(142, 96, 36, fill=(255, 240, 190))
    for x, y, k in ((330, 70, 1.0), (520, 120, 0.8), (70, 190, 0.6)):  # clouds
        for dx, dy, r in ((-52, 8, 24), (-20, -6, 34), (22, -2, 30), (56, 10, 20), (0, 14, 30)):
            s.disc(x + dx * k, y + dy * k, r * k * 1.25, r * k * 0.72, (255, 255, 255, 235))
    s.polygon([(0, 262), (70, 214), (150, 246), (236, 196), (330, 250), (420, 226), (470, 262)], (104, 134, 150))
    sea = gradient((640 * SCALE, 218 * SCALE), (0, (70, 152, 168)), (1, (14, 66, 104)))
    s.image.paste(sea, (0, 262 * SCALE))
    for y in range(268, 480, 9):  # waves, coarser when nearer
        near = (y - 262) / 218
        x = random.uniform(-30, 0)
        while x < 640:
            length = 12 + 42 * near
            s.line([(x, y), (x + length / 2, y - 2 - 3 * near), (x + length, y)], (214, 240, 240, 90), 1 + 1.6 * near)
            x += length + random.uniform(8, 50)
    # rock with a lighthouse
    s.polygon([(430, 318), (452, 268), (500, 252), (560, 246), (640, 232), (640, 350), (470, 340)], (92, 84, 82))
    for _ in range(230):
        x, y = random.uniform(446, 640), random.uniform(250, 338)
        if y > 300 - (x - 430) * 0.32:
            s.polygon([(x, y), (x + 9, y - 5), (x + 14, y + 3)], random.choice([(120, 112, 106), (70, 64, 66), (146, 136, 124)]))
    for band in range(6):
        top, bottom = 84 + band * 28, 112 + band * 28
        half = (26 + band * 3.0, 29 + band * 3.0)
        colour = (206, 54, 48) if band % 2 == 0 else (246, 242, 236)
        s.polygon([(548 - half[0], top), (548 + half[0], top), (548 + half[1], bottom), (548 - half[1], bottom)], colour)
    s.polygon([(556, 84), (574, 84), (592, 252), (566, 252)], (0, 0, 0, 40))
    s.box(514, 76, 582, 86, (48, 50, 58), 2)
    s.box(528, 46, 568, 76, (255, 228, 130))
    for x in (528, 541, 554, 567):
        s.line([(x, 46), (x, 76)], (48, 50, 58), 3)
    s.polygon([(520, 48), (548, 20), (576, 48)], (150, 34, 36))
    # two boats
    for x, y, k, hull, sail in ((180, 372, 1.25, (150, 46, 40), (250, 246, 236)), (356, 312, 0.62, (38, 60, 92), (246, 196, 92))):
        s.disc(x, y + 30 * k, 96 * k, 9 * k, (8, 40, 66, 130))
        s.line([(x, y), (x, y - 158 * k)], (74, 52, 38), 5 * k)
        s.polygon([(x + 6 * k, y - 154 * k), (x + 6 * k, y - 14 * k), (x + 84 * k, y - 14 * k)], sail)
        s.polygon([(x - 6 * k, y - 138 * k), (x - 6 * k, y - 14 * k), (x - 66 * k, y - 14 * k)], tuple(c - 24 for c in sail))
        for seam in (46, 82, 116):
            s.line([(x + 6 * k, y - seam * k), (x + (92 - 0.56 * seam) * k, y - seam * k)], (0, 0, 0, 50), 1.5)
        s.polygon([(x - 96 * k, y - 6 * k), (x + 108 * k, y - 6 * k), (x + 76 * k, y + 30 * k), (x - 68 * k, y + 30 * k)], hull)
        s.polygon([(x - 96 * k, y - 6 * k), (x + 108 * k, y - 6 * k), (x + 103 * k, y + k), (x - 92 * k, y + k)], (250, 240, 220))
    for x, y in ((250, 150), (286, 166), (228, 178)):  # gulls
        s.line([(x - 14, y - 5), (x - 5, y - 8), (x, y), (x + 5, y - 8), (x + 14, y - 5)], (50, 56, 70), 2)
    s.save("harbour.png")


def balloon(s, x, y, r, colours):
    """Gores of alternating colours, basket below."""
    gores = 8
    for gore in range(gores):
        a0, a1 = (math.cos(math.pi * g / gores) for g in (gore, gore + 1))
        edge = []
        for t in range(33):
            v = -math.pi / 2 + math.pi * t / 32
            narrow = 1 if v < 0.2 else 1 - 0.42 * ((v - 0.2) / 1.37) ** 1.6
            edge.append((math.cos(v) * narrow, math.sin(v) * (1 if v < 0 else 1.28)))
        left = [(x - r * a0 * c, y + r * d) for c, d in edge]
        right = [(x - r * a1 * c, y + r * d) for c, d in edge]
        s.polygon(left + right[::-1], colours[gore % len(colours)])
        if gore >= 5:
            s.polygon(left + right[::-1], (20, 0, 40, 22 * (gore - 4)))
    for dx in (-0.16, 0.16):
        s.line([(x + dx * r, y + 1.2 * r), (x + dx * 0.8 * r, y + 1.62 * r)], (70, 50, 40), max(1, r / 45))
    s.box(x - 0.16 * r, y + 1.6 * r, x + 0.16 * r, y + 1.84 * r, (126, 82, 44), r / 30)
    for k in range(1, 4):
        s.line([(x - 0.16 * r, y + (1.6 + 0.06 * k) * r), (x + 0.16 * r, y + (1.6 + 0.06 * k) * r)], (84, 52, 28), max(1, r / 60))


def balloons():
    random.seed(3)
    s = Scene(420, 640, (0, (58, 78, 150)), (0.35, (150, 150, 206)), (0.62, (252, 196, 168)), (1, (252, 216, 160)))
    s.polygon([(0, 430), (60, 372), (104, 404), (176, 330), (236, 396), (296, 352), (360, 410), (420, 376), (420, 640), (0, 640)], (134, 116, 164))
    for peak, left, right in (((176, 330), (146, 362), (204, 362)), ((296, 352), (276, 366), (316, 368)), ((60, 372), (44, 388), (78, 384))):
        s.polygon([peak, left, (peak[0] - 8, left[1] - 8), (peak[0] + 6, left[1] + 2), right], (244, 238, 246))
    s.polygon([(0, 486), (90, 440), (190, 474), (300, 432), (420, 482), (420, 640), (0, 640)], (78, 110, 104))
    for _ in range(190):  # forest
        x, y = random.uniform(-8, 428), random.uniform(466, 520)
        h = 20 + (y - 460) * 0.3
        green = random.choice([(36, 80, 70), (46, 94, 76), (28, 66, 62), (60, 108, 80)])
        s.polygon([(x, y - h), (x - h * 0.34, y), (x + h * 0.34, y)], green)
    s.polygon([(0, 520), (420, 508), (420, 640), (0, 640)], (206, 172, 84))
    for i in range(-6, 30):  # furrows to a vanishing point
        s.line([(200 + (i - 12) * 9, 514), (200 + (i - 12) * 62, 640)], (160, 122, 52), 3.5)
    for y in (528, 544, 566, 596):
        for x in range(0, 420, 11):
            s.line([(x, y), (x + 4, y - 6 - (y - 520) / 14)], (232, 204, 120), 2)
    balloon(s, 128, 142, 82, [(204, 52, 60), (250, 220, 140)])
    balloon(s, 312, 236, 54, [(36, 112, 150), (236, 240, 240), (242, 150, 60)])
    balloon(s, 336, 70, 26, [(92, 58, 130), (232, 176, 210)])
    balloon(s, 214, 330, 18, [(52, 130, 96), (246, 230, 150)])
    s.save("balloons.png")


FRONTS = [(196, 92, 74), (226, 182, 96), (94, 138, 150), (208, 206, 190), (138, 92, 120), (112, 146, 104)]


def roof(s, x, width, top, style):
    """Tiles in rows, or a stepped gable."""
    if style == 0:
        s.polygon([(x - 6, top), (x + width + 6, top), (x + width - 14, top - 58), (x + 14, top - 58)], (120, 58, 50))
        for row in range(6):
            y = top - 4 - row * 10
            inset = 20 * (top - y) / 58
            for k, tile in enumerate(range(int(x + inset - 2), int(x + width - inset), 12)):
                s.disc(tile + (6 if row % 2 else 0), y, 5.5, 5, (158, 80, 62) if k % 2 else (140, 68, 56))
    else:
        for step in range(4):
            inset = step * width / 9
            s.box(x + inset, top - 16 * (step + 1), x + width - inset, top - 16 * step, (104, 84, 82))


def street():
    random.seed(4)
    s = Scene(960, 400, (0, (112, 172, 216)), (0.7, (230, 238, 236)), (1, (230, 238, 236)))
    for x, y, k in ((120, 60, 0.8), (520, 44, 1.0), (840, 76, 0.7)):
        for dx, dy, r in ((-46, 6, 22), (-12, -6, 30), (24, 0, 26), (52, 8, 16)):
            s.disc(x + dx * k, y + dy * k, r * k * 1.3, r * k * 0.66, (255, 255, 255, 240))
    x = 0
    for house, colour in enumerate(FRONTS):
        width, top = 160, 118 + (house * 37) % 60
        s.box(x, top, x + width, 318, colour)
        if house % 3 == 0:  # bricks
            for row, y in enumerate(range(top + 4, 316, 9)):
                for brick in range(x - 10 + (row % 2) * 11, x + width, 22):
                    s.line([(max(x, brick), y), (min(x + width, brick + 18), y)], tuple(max(0, c - 30) for c in colour), 2)
        elif house % 3 == 1:  # timber
            for beam in (x + 4, x + width // 2, x + width - 4):
                s.line([(beam, top), (beam, 316)], (86, 58, 40), 7)
            for y in (top + 4, (top + 318) // 2):
                s.line([(x, y), (x + width, y)], (86, 58, 40), 7)
            s.line([(x + 6, (top + 318) // 2), (x + width // 2, top)], (86, 58, 40), 5)
            s.line([(x + width - 6, (top + 318) // 2), (x + width // 2, top)], (86, 58, 40), 5)
        roof(s, x, width, top, house % 2)
        for row, y in enumerate((top + 26, top + 92)):
            for column in range(3):
                if row == 1 and column == house % 3:
                    continue
                wx = x + 18 + column * 46
                s.box(wx - 3, y - 3, wx + 33, y + 47, (244, 240, 230), 2)
                s.box(wx, y, wx + 30, y + 44, (52, 70, 92) if (house + column + row) % 3 else (250, 214, 120))
                s.line([(wx + 15, y), (wx + 15, y + 44)], (244, 240, 230), 2)
                s.line([(wx, y + 20), (wx + 30, y + 20)], (244, 240, 230), 2)
        door = x + 18 + (house % 3) * 46
        s.box(door - 2, 252, door + 34, 318, (60, 40, 34), 3)
        s.box(door + 2, 256, door + 30, 318, [(40, 92, 84), (150, 44, 48), (58, 62, 110)][house % 3], 2)
        s.disc(door + 25, 290, 2.2, fill=(240, 210, 120))
        x += width
    s.box(0, 316, 960, 334, (176, 170, 160))
    s.box(0, 334, 960, 400, (88, 86, 92))
    for row, y in enumerate(range(338, 404, 11)):  # cobbles
        for cobble in range(-10 + (row % 2) * 10, 970, 20):
            grey = random.randint(98, 138)
            s.disc(cobble, y, 9, 5, (grey, grey - 2, grey + 4))
    for tx in (164, 482, 800):  # trees
        s.box(tx - 5, 246, tx + 5, 328, (92, 66, 46))
        for _ in range(120):
            a, r = random.uniform(0, 2 * math.pi), 42 * math.sqrt(random.random())
            g = random.randint(96, 160)
            s.disc(tx + r * math.cos(a), 226 + 0.95 * r * math.sin(a), random.uniform(4, 9), fill=(g - 64, g, 52))
    for cx, colour in ((330, (206, 52, 48)), (648, (240, 190, 50))):  # cars
        s.disc(cx, 372, 74, 7, (0, 0, 0, 90))
        s.polygon([(cx - 44, 336), (cx - 26, 310), (cx + 28, 310), (cx + 46, 336)], colour)
        s.polygon([(cx - 34, 335), (cx - 21, 315), (cx - 3, 315), (cx - 3, 335)], (184, 216, 226))
        s.polygon([(cx + 3, 335), (cx + 3, 315), (cx + 24, 315), (cx + 36, 335)], (184, 216, 226))
        s.box(cx - 72, 334, cx + 72, 362, colour, 9)
        s.box(cx - 72, 350, cx + 72, 356, (0, 0, 0, 40))
        for wheel in (cx - 42, cx + 42):
            s.disc(wheel, 362, 15, fill=(34, 34, 40))
            s.disc(wheel, 362, 7, fill=(190, 190, 196))
    s.save("street.png")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for picture in (still_life, harbour, balloons, street):
        picture()
    print(sum(file.stat().st_size for file in OUT.glob("*.png")), "bytes in all")
