"""Nine places to stand in: a pale stage on which things stand out.

Nothing here may look like one of the categories: no boats on the sea, no birds, no seats, no cars.
Water lies at about 0.42 to 0.60 of the picture's height, ground from about 0.58 down.
"""

from __future__ import annotations

from .art.pen import mix
from .backdrop import Backdrop
from .rooms import bedroom, kitchen
from .weather import sky


def _tree(b: Backdrop, x: float, foot: float, tall: float) -> None:
    leaf = b.vary((138, 178, 126), 16)
    b.box(x - tall * 0.045, foot - tall * 0.45, x + tall * 0.045, foot, b.vary((158, 132, 112), 8))
    if b.rng.random() < 0.3:                               # a fir
        for k in range(3):
            y, w = foot - tall * (0.22 + 0.24 * k), tall * (0.30 - 0.07 * k)
            b.poly(((x - w, y), (x + w, y), (x, y - tall * 0.36)), leaf)
    else:
        for dx, dy, r in ((-0.16, 0.50, 0.19), (0.17, 0.52, 0.18), (0.0, 0.72, 0.23), (0.0, 0.52, 0.20)):
            b.disc(x + dx * tall, foot - dy * tall, r * tall, r * tall, leaf)
        b.disc(x - 0.06 * tall, foot - 0.74 * tall, 0.12 * tall, 0.12 * tall, mix(leaf, (255, 255, 240), 0.16))


def _tufts(b: Backdrop, y0: float, colour, count: int) -> None:
    """Short blades of grass, or whatever grows, over the ground."""
    rng = b.rng
    for _ in range(count):
        x, y = rng.random(), rng.uniform(y0, 1.0)
        s = 0.012 + 0.02 * (y - y0)
        b.line(((x - s, y - s), (x, y), (x + s * 0.2, y - s * 1.5), (x + s * 0.3, y),
            (x + s * 1.2, y - s)), colour, 0.004)


def _waves(b: Backdrop, y0: float, y1: float, colour, count: int) -> None:
    rng = b.rng
    for _ in range(count):
        x, y, w = rng.random(), rng.uniform(y0, y1), rng.uniform(0.03, 0.07)
        b.line(((x - w, y), (x - w / 2, y - 0.005), (x, y), (x + w / 2, y - 0.005), (x + w, y)), colour, 0.004)


def beach(b: Backdrop) -> None:
    rng, shore = b.rng, b.rng.uniform(0.585, 0.62)
    b.horizon = rng.uniform(0.405, 0.44)
    sky(b)
    sea, sand = b.vary((118, 184, 204)), b.vary((240, 220, 178))
    b.bands(b.horizon, shore + 0.04, sea, mix(sea, b.tone((206, 236, 232)), 0.6), 12)
    _waves(b, b.horizon + 0.02, shore - 0.02, mix(sea, (255, 255, 255), 0.4), 12)
    b.hills(shore + 0.03, 0.03, b.tone((250, 248, 240)))
    b.hills(shore + 0.045, 0.03, mix(sand, b.tone((190, 160, 120)), 0.25))
    b.hills(shore + 0.065, 0.03, sand)
    for _ in range(26):
        r = rng.uniform(0.002, 0.005)
        b.disc(rng.random(), rng.uniform(0.70, 1.0), r * 1.5, r, mix(sand, b.tone((170, 140, 104)), 0.45))


def park(b: Backdrop) -> None:
    rng = b.rng
    sky(b)
    grass, h = b.vary((176, 212, 146)), b.horizon
    b.hills(h + 0.02, 0.10, mix(grass, b.tone((150, 190, 170)), 0.5))
    for _ in range(rng.randint(3, 6)):
        _tree(b, rng.random(), h + rng.uniform(0.01, 0.05), rng.uniform(0.18, 0.36))
    b.hills(h + 0.055, 0.03, grass)
    if rng.random() < 0.6:                                 # a path
        x, s = rng.uniform(0.2, 0.8), rng.uniform(-0.4, 0.4)
        b.poly(((x - 0.02, h + 0.05), (x + 0.03, h + 0.05), (x + s + 0.20, 1.0),
            (x + s - 0.14, 1.0)), b.vary((226, 212, 186), 8))
    _tufts(b, h + 0.08, mix(grass, b.tone((84, 130, 80)), 0.4), 22)
    for _ in range(rng.randint(4, 12)):
        b.disc(rng.random(), rng.uniform(h + 0.09, 1.0), 0.006, 0.006, b.tone(rng.choice(((252, 244, 220),
            (244, 214, 226)))))


def street(b: Backdrop) -> None:
    rng = b.rng
    sky(b)
    foot, x = b.horizon + 0.05, -rng.uniform(0.0, 0.15)
    while x < 1.0:
        w, top = rng.uniform(0.20, 0.34), rng.uniform(0.24, 0.34)
        wall = b.vary(rng.choice(((232, 206, 190), (222, 220, 206), (206, 218, 224), (234, 222, 190),
            (220, 204, 214))), 8)
        roof, pane = mix(wall, b.tone((120, 90, 90)), 0.45), b.tone((176, 198, 210))
        if b.weather == "night":
            pane = (236, 214, 140)
        b.box(x, top, x + w, foot, wall)
        if rng.random() < 0.5:
            b.poly(((x - 0.015, top), (x + w / 2, top - 0.08), (x + w + 0.015, top)), roof)
        else:
            b.box(x, top - 0.02, x + w, top + 0.012, roof)
        columns, y, door = rng.choice((2, 3)), top + 0.045, rng.randrange(2)
        while y < foot - 0.08:
            for c in range(columns):
                if not (c == door and y + 0.10 > foot - 0.08) and (b.weather != "night" or rng.random() < 0.6):
                    cx = x + w * (c + 0.5) / columns
                    b.box(cx - 0.022, y, cx + 0.022, y + 0.055, pane)
            y += 0.10
        dx = x + w * (door + 0.5) / columns
        b.box(dx - 0.025, foot - 0.11, dx + 0.025, foot, mix(wall, b.tone((110, 84, 76)), 0.5))
        b.box(x + w - 0.004, top, x + w, foot, roof)
        x += w
    kerb = rng.uniform(0.655, 0.70)
    b.box(0, foot, 1, kerb, b.vary((212, 208, 202), 8))
    for k in range(9):
        b.line((((k + 0.5) / 8.5, foot), ((k + 0.5) / 8.5 + (k - 4) * 0.012, kerb)), b.tone((192, 188, 182)), 0.004)
    b.box(0, kerb, 1, kerb + 0.014, b.tone((236, 234, 228)))
    road = b.vary((164, 166, 172), 8)
    b.box(0, kerb + 0.014, 1, 1, road)
    y, shift = rng.uniform(0.80, 0.86), rng.random() * 0.2
    for k in range(6):
        x = k * 0.22 - shift
        b.poly(((x, y), (x + 0.12, y), (x + 0.11, y + 0.025), (x - 0.012, y + 0.025)), b.tone((236, 234, 224)))


def farm(b: Backdrop) -> None:
    rng = b.rng
    sky(b)
    h, field = b.horizon, b.vary((218, 206, 140))
    b.hills(h + 0.01, 0.09, b.vary((172, 200, 150)))
    x, s = rng.choice((rng.uniform(0.04, 0.25), rng.uniform(0.62, 0.80))), rng.uniform(0.9, 1.2)
    barn, y = b.vary((196, 142, 130), 10), h + 0.03                                          # a barn
    b.poly(((x - 0.02 * s, y - 0.15 * s), (x + 0.04 * s, y - 0.23 * s), (x + 0.11 * s, y - 0.27 * s),
        (x + 0.18 * s, y - 0.23 * s),
            (x + 0.24 * s, y - 0.15 * s)), mix(barn, b.tone((90, 80, 86)), 0.5))
    b.poly(((x, y), (x, y - 0.15 * s), (x + 0.05 * s, y - 0.21 * s), (x + 0.11 * s, y - 0.245 * s),
        (x + 0.17 * s, y - 0.21 * s),
            (x + 0.22 * s, y - 0.15 * s), (x + 0.22 * s, y)), barn)
    pale = b.tone((240, 232, 222))
    b.box(x + 0.07 * s, y - 0.10 * s, x + 0.15 * s, y, pale)
    b.line(((x + 0.07 * s, y), (x + 0.15 * s, y - 0.10 * s)), barn, 0.008)
    b.line(((x + 0.07 * s, y - 0.10 * s), (x + 0.15 * s, y)), barn, 0.008)
    b.disc(x + 0.11 * s, y - 0.17 * s, 0.02 * s, 0.02 * s, pale)
    b.hills(h + 0.04, 0.015, field)
    furrow, vanish = mix(field, b.tone((150, 130, 70)), 0.35), rng.uniform(0.3, 0.7)
    for k in range(-7, 8):
        b.line(((vanish + k * 0.05, h + 0.055), (vanish + k * 0.26, 1.0)), furrow, 0.007)
    fence = b.vary((196, 172, 146), 8)
    for k in range(11):
        b.box(k * 0.1 + 0.01, h + 0.0, k * 0.1 + 0.026, h + 0.085, fence)
    b.box(0, h + 0.015, 1, h + 0.029, fence)
    b.box(0, h + 0.05, 1, h + 0.064, fence)


def lake(b: Backdrop) -> None:
    rng, shore = b.rng, b.rng.uniform(0.595, 0.625)
    b.horizon = rng.uniform(0.405, 0.44)
    sky(b)
    h, water, grass = b.horizon, b.vary((140, 188, 208)), b.vary((188, 206, 150))
    b.hills(h, 0.15, b.vary((166, 190, 184)))
    b.hills(h + 0.005, 0.07, b.vary((150, 186, 144)))
    for _ in range(rng.randint(2, 6)):
        _tree(b, rng.random(), h + 0.006, rng.uniform(0.09, 0.15))
    b.bands(h, shore + 0.05, mix(water, b.tone((120, 160, 150)), 0.35), water, 10)
    _waves(b, h + 0.03, shore - 0.01, mix(water, (255, 255, 255), 0.35), 12)
    b.hills(shore + 0.035, 0.03, mix(grass, b.tone((176, 150, 110)), 0.55))
    b.hills(shore + 0.055, 0.03, grass)
    for side in rng.sample((0.04, 0.12, 0.88, 0.95), rng.randint(1, 3)):                     # reeds
        for k in range(5):
            x, tall = side + 0.018 * k - 0.03, rng.uniform(0.08, 0.14)
            b.line(((x, shore + 0.05), (x + 0.006, shore + 0.05 - tall)), b.tone((128, 158, 104)), 0.006)
    _tufts(b, shore + 0.09, mix(grass, b.tone((100, 130, 80)), 0.4), 18)


def mountains(b: Backdrop) -> None:
    rng = b.rng
    sky(b)
    h, rock = b.horizon, b.vary((158, 168, 188))
    for base, high, share in ((h + 0.04, 0.40, 0.45), (h + 0.06, 0.30, 0.0)):
        colour = mix(rock, b.tone((212, 224, 236)), share)
        ridge, snow = b.hills(base, high, colour, sharp=True), b.tone((246, 249, 252))
        for (xa, ya), (x, y), (xb, yb) in zip(ridge, ridge[1:], ridge[2:]):
            if y < ya and y < yb:                          # a peak: its cap is cut zigzag
                low = min(ya, yb)
                d = (low - y) * 0.5
                left, right = x + (xa - x) * d / (ya - y), x + (xb - x) * d / (yb - y)
                b.poly(((left, y + d), (x, y), (right, y + d), (x + (right - x) * 0.45, y + d * 0.72),
                    (x, y + d * 1.15),
                        (x + (left - x) * 0.45, y + d * 0.72)), snow)
    ground = b.vary((232, 240, 246), 6)
    for _ in range(rng.randint(2, 5)):
        x, foot, tall = rng.random(), h + rng.uniform(0.03, 0.06), rng.uniform(0.10, 0.18)
        fir = b.vary((136, 166, 152), 10)
        for k in range(3):
            y, w = foot - tall * 0.26 * k, tall * (0.28 - 0.07 * k)
            b.poly(((x - w, y), (x + w, y), (x, y - tall * 0.42)), fir)
            b.poly(((x - w * 0.4, y - tall * 0.25), (x + w * 0.4, y - tall * 0.25),
                (x, y - tall * 0.42)), b.tone((240, 246, 250)))
    b.hills(h + 0.065, 0.04, mix(ground, b.tone((186, 204, 224)), 0.5))
    b.hills(h + 0.13, 0.06, ground)
    b.hills(0.98, 0.14, mix(ground, b.tone((200, 214, 232)), 0.35))


def desert(b: Backdrop) -> None:
    rng = b.rng
    sky(b)
    h, sand = b.horizon, b.vary((236, 200, 150))
    b.hills(h + 0.02, 0.13, mix(sand, b.tone((206, 160, 130)), 0.6))
    b.hills(h + 0.04, 0.07, mix(sand, b.tone((214, 170, 124)), 0.5))
    for _ in range(rng.randint(2, 4)):
        x, foot, tall = rng.uniform(0.03, 0.97), h + rng.uniform(0.04, 0.10), rng.uniform(0.12, 0.24)
        green, w = b.vary((140, 176, 132), 10), tall * 0.16
        b.line(((x, foot), (x, foot - tall)), green, w)
        b.disc(x, foot - tall, w / 2, w / 2, green)
        for side, low in ((-1, 0.35), (1, 0.5)):
            ax = x + side * tall * 0.26
            b.line(((x, foot - tall * low), (ax, foot - tall * low), (ax, foot - tall * (low + 0.34))), green,
                w * 0.7)
            b.disc(ax, foot - tall * (low + 0.34), w * 0.35, w * 0.35, green)
            b.disc(ax, foot - tall * low, w * 0.35, w * 0.35, green)
    b.hills(h + 0.10, 0.06, sand)
    b.hills(0.80, 0.10, mix(sand, b.tone((250, 226, 186)), 0.6))
    b.hills(0.98, 0.12, mix(sand, b.tone((218, 174, 124)), 0.3))
    for _ in range(5):
        b.disc(rng.random(), rng.uniform(0.66, 0.98), 0.014, 0.007, mix(sand, b.tone((170, 130, 100)), 0.4))


BACKDROPS = {"beach": beach, "park": park, "street": street, "farm": farm, "lake": lake, "mountains": mountains,
             "desert": desert, "kitchen": kitchen, "bedroom": bedroom}
