"""The two rooms: kitchen and bedroom, with furniture that is none of the categories."""

from __future__ import annotations

from .art.pen import mix
from .backdrop import Backdrop


def kitchen(b: Backdrop) -> None:
    rng = b.rng
    h = b.horizon = rng.uniform(0.56, 0.60)
    wall = b.vary((238, 234, 216))
    b.box(0, 0, 1, h, wall)
    grout, splash, top = mix(wall, b.tone((150, 160, 160)), 0.35), b.vary(rng.choice(((206, 226, 224),
        (226, 218, 206), (214, 222, 234))), 6), h - 0.20
    b.box(0, top - 0.16, 1, top, splash)
    for k in range(1, 4):
        b.line(((0, top - 0.04 * k), (1, top - 0.04 * k)), grout, 0.004)
    for k in range(26):
        b.line(((k * 0.04, top - 0.16), (k * 0.04, top)), grout, 0.004)
    left = rng.random() < 0.5
    _window(b, rng.uniform(0.05, 0.20) if left else rng.uniform(0.48, 0.62), 0.05, rng.uniform(0.26, 0.32), 0.15,
        curtains=rng.random() < 0.4)
    front = b.vary(rng.choice(((196, 214, 206), (222, 204, 184), (202, 210, 226), (226, 206, 206))), 8)
    b.box(0, top, 1, h, front)
    b.box(0, top - 0.005, 1, top + 0.022, b.vary((204, 180, 154), 8))
    x, y, wood = (0.62 if left else 0.08) + rng.uniform(-0.03, 0.06), rng.uniform(0.12, 0.17), b.vary((200, 178,
        154), 8)
    if rng.random() < 0.5:                                 # a wall cupboard
        b.box(x, 0.0, x + 0.28, y, front)
        b.line(((x + 0.14, 0.0), (x + 0.14, y)), wood, 0.006)
        b.line(((x, y), (x + 0.28, y)), wood, 0.008)
    else:                                                  # a rail with spoons
        b.line(((x, y), (x + 0.26, y)), wood, 0.009)
        for k in range(rng.randint(3, 5)):
            b.line(((x + 0.03 + 0.05 * k, y), (x + 0.03 + 0.05 * k, y + 0.065)), wood, 0.006)
            b.disc(x + 0.03 + 0.05 * k, y + 0.075, 0.011, 0.016, wood)
    k, width = 0, rng.uniform(0.17, 0.26)
    edge = mix(front, b.tone((90, 90, 100)), 0.35)
    while k * width < 1:
        x0, x1 = k * width + 0.012, (k + 1) * width - 0.012
        b.draw.rectangle((x0 * b.n, (top + 0.035) * b.n, x1 * b.n, (h - 0.02) * b.n), outline=edge, width=max(1,
            b.n // 150))
        b.box(x1 - 0.03, top + 0.07, x1 - 0.018, top + 0.10, edge)
        k += 1
    light, dark = b.vary((236, 232, 224), 6), b.vary(rng.choice(((206, 214, 214), (222, 204, 188),
        (208, 206, 220))), 6)
    b.box(0, h, 1, 1, light)
    vanish, rows = 0.5, (0.0, 0.10, 0.24, 0.42, 0.66, 1.0)
    for r in range(5):
        ya, yb = h + (1 - h) * rows[r], h + (1 - h) * rows[r + 1]
        sa, sb = 0.16 + 0.14 * rows[r], 0.16 + 0.14 * rows[r + 1]
        for c in range(-4, 4):
            if (r + c) % 2:
                b.poly(((vanish + c * sa, ya), (vanish + (c + 1) * sa, ya), (vanish + (c + 1) * sb, yb),
                    (vanish + c * sb, yb)), dark)
    b.box(0, h - 0.006, 1, h + 0.008, edge)


def bedroom(b: Backdrop) -> None:
    rng = b.rng
    h = b.horizon = rng.uniform(0.56, 0.60)
    wall = b.vary(rng.choice(((232, 220, 232), (220, 228, 240), (240, 228, 210), (222, 234, 222))), 6)
    b.box(0, 0, 1, h, wall)
    stripe, count = mix(wall, b.tone((170, 160, 190)), 0.18), rng.randint(9, 14)
    for k in range(count):
        b.box((k + 0.25) / count, 0, (k + 0.6) / count, h, stripe)
    left = rng.random() < 0.5
    _window(b, rng.uniform(0.56, 0.64) if left else rng.uniform(0.06, 0.14), 0.07, 0.28, 0.27, curtains=True)
    b.box(0, h - 0.02, 1, h, b.tone((246, 242, 238)))
    floor = b.vary((216, 194, 170), 8)
    b.box(0, h, 1, 1, floor)
    for k in range(1, 6):
        y = h + (1 - h) * (k / 6) ** 1.4
        b.line(((0, y), (1, y)), mix(floor, b.tone((130, 100, 80)), 0.25), 0.005)
    rug = b.vary(rng.choice(((222, 206, 222), (204, 218, 226), (230, 214, 200), (210, 224, 208))), 8)
    cx = rng.uniform(0.42, 0.58)
    b.disc(cx, 0.82, 0.46, 0.145, mix(rug, b.tone((120, 100, 130)), 0.25))
    b.disc(cx, 0.82, 0.435, 0.13, rug)
    b.disc(cx, 0.82, 0.33, 0.095, mix(rug, b.tone((255, 255, 250)), 0.35))
    if rng.random() < 0.5:                                 # a picture on the wall, of nothing in particular
        x, y = (0.14 if left else 0.70) + rng.uniform(0.0, 0.08), rng.uniform(0.10, 0.18)
        b.box(x, y, x + 0.15, y + 0.12, b.tone((190, 164, 138)))
        b.box(x + 0.012, y + 0.012, x + 0.138, y + 0.108, b.vary((232, 230, 222), 14))
        b.poly(((x + 0.012, y + 0.108), (x + 0.05, y + 0.05), (x + 0.09, y + 0.085), (x + 0.11, y + 0.065),
            (x + 0.138, y + 0.108)),
               b.vary((186, 200, 196), 14))
    _bed(b, left)


def _bed(b: Backdrop, left: bool) -> None:
    """A bed against the left or the right edge, seen from its side."""
    wood = b.vary((190, 162, 136), 8)
    quilt = b.vary(b.rng.choice(((214, 196, 210), (190, 208, 218), (222, 210, 184), (196, 214, 196))), 8)
    for x0, y0, x1, y1, colour in (
            (0.0, 0.34, 0.035, 0.66, wood), (0.40, 0.47, 0.43, 0.66, wood),
             (0.0, 0.57, 0.42, 0.63, mix(wood, b.tone((90, 70, 60)), 0.2)),
            (0.03, 0.48, 0.41, 0.58, b.tone((246, 244, 240))), (0.14, 0.465, 0.41, 0.60, quilt),
            (0.14, 0.465, 0.17, 0.60, mix(quilt, (255, 255, 255), 0.5))):
        b.box(x0 if left else 1 - x1, y0, x1 if left else 1 - x0, y1, colour)
    b.disc(0.085 if left else 0.915, 0.465, 0.055, 0.028, b.tone((250, 248, 246)))


def _window(b: Backdrop, x: float, y: float, wide: float, high: float, curtains: bool = False) -> None:
    frame, pane = b.tone((248, 246, 242)), b.vary((196, 222, 236), 8)
    b.box(x, y, x + wide, y + high, frame)
    b.box(x + 0.015, y + 0.015, x + wide - 0.015, y + high - 0.015, pane)
    b.box(x + 0.015, y + high * 0.66, x + wide - 0.015, y + high - 0.015, b.tone((196, 216, 182)))
    b.box(x + wide / 2 - 0.006, y, x + wide / 2 + 0.006, y + high, frame)
    b.box(x, y + high / 2 - 0.006, x + wide, y + high / 2 + 0.006, frame)
    b.box(x - 0.015, y + high, x + wide + 0.015, y + high + 0.016, b.tone((226, 222, 216)))
    if curtains:
        cloth = b.vary(b.rng.choice(((226, 200, 200), (206, 212, 226), (230, 220, 192))), 8)
        for x0, x1, inner in ((x - 0.045, x + 0.05, x + 0.0), (x + wide + 0.045, x + wide - 0.05, x + wide)):
            b.poly(((x0, y - 0.02), (x1, y - 0.02), (inner, y + high + 0.05), (x0, y + high + 0.05)), cloth)
        b.box(x - 0.06, y - 0.03, x + wide + 0.06, y - 0.018, b.tone((170, 146, 124)))
