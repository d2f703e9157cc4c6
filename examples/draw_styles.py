"""Draws the three style pictures beside it: brush strokes along a flow, a window of stained glass, a woodcut of waves.

python examples/draw_styles.py [DIRECTORY]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage, spatial

HEIGHT, WIDTH = 640, 800


def main(directory):
    for draw in (brush_strokes, stained_glass, woodcut):
        picture = Image.fromarray(np.rint(draw(np.random.default_rng(2015)).clip(0, 255)).astype(np.uint8))
        picture.save(Path(directory) / f"{draw.__name__.replace('_', '-')}.jpg", quality=92, subsampling=0)


def noise(rng, sigma, shape=(HEIGHT, WIDTH)):
    """Smooth noise whose blobs are about `sigma` px wide: mean 0, standard deviation 1."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="reflect")
    return (field - field.mean()) / field.std()


def colours(*names):
    """float [N, 3] of names such as "1b3a5c"."""
    return np.array([[int(name[place : place + 2], 16) for place in (0, 2, 4)] for name in names], float)


def mixed(palette, position):
    """The colour at `position`, 0..1, of a palette [N, 3] that is run through from first to last."""
    position = np.clip(position, 0, 1) * (len(palette) - 1)
    return np.stack([np.interp(position, np.arange(len(palette)), palette[:, channel]) for channel in range(3)], -1)


# Brush strokes: a flow with whirls, painted over and over with ever finer brushes.

NIGHT = colours("0d1b3e", "16407a", "1f77a4", "58b6b0", "cfe3b4", "f6d55c", "ed8f3b", "c8432b", "6d1f3c")


def brush_strokes(rng):
    flow, tone = flow_field(rng)
    scale = 2  # drawn twice as large, for smooth edges
    picture = Image.new("RGB", (WIDTH * scale, HEIGHT * scale), tuple(NIGHT[1].astype(int)))
    pen = ImageDraw.Draw(picture)
    for width, length, count in ((26, 130, 1500), (14, 90, 3500), (7, 60, 6000), (4, 34, 5000)):
        for _ in range(count):
            place = rng.uniform((0, 0), (HEIGHT, WIDTH))
            path = streamline(flow, place, length)
            row, column = np.minimum(place.astype(int), (HEIGHT - 1, WIDTH - 1))
            colour = mixed(NIGHT, tone[row, column] + rng.normal(0, 0.045))
            if width <= 7 and rng.random() < 0.65:  # fine strokes lie at the edges of the whirls alone
                continue
            bristles(pen, path, width, colour, rng, scale)
    image = np.asarray(picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS), float)
    return relief(image)


def flow_field(rng):
    """(the direction of the strokes, radians [H, W]; the place of each point in the palette, 0..1 [H, W])."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    angle = 0.25 * noise(rng, 90)
    tone = 0.25 + 0.12 * noise(rng, 60) + 0.1 * np.sin(y / 55 + noise(rng, 120))
    stream = np.stack([np.cos(angle), np.sin(angle)])
    for row, column, radius, sense in ((170, 230, 120, 1), (250, 590, 160, -1), (520, 380, 110, 1), (90, 700, 60, 1),
                                       (480, 90, 80, -1), (540, 690, 70, 1), (60, 430, 50, -1)):  # fmt: skip
        dy, dx = y - row, x - column
        distance = np.hypot(dy, dx) + 1e-6
        weight = np.exp(-((distance / radius) ** 2))
        stream = stream * (1 - weight) + 2.2 * weight * sense * np.stack([-dy, dx]) / distance
        tone += 0.62 * np.exp(-((distance / (0.33 * radius)) ** 2)) + 0.22 * weight * np.cos(distance / 11) ** 2
    return np.arctan2(stream[1], stream[0]), tone


def streamline(flow, place, length, step=4.0):
    """Points [N, 2] (row, column) along the flow through `place`, at both sides of it."""
    halves = []
    for sense in (-1, 1):
        here, points = np.array(place), []
        for _ in range(int(length / step / 2)):
            row, column = np.clip(here.astype(int), 0, (HEIGHT - 1, WIDTH - 1))
            angle = flow[row, column]
            here = here + sense * step * np.array([np.sin(angle), np.cos(angle)])
            points.append(here)
        halves.append(points)
    return np.array([*halves[0][::-1], place, *halves[1]])


def bristles(pen, path, width, colour, rng, scale):
    """One stroke: hairs side by side, each a little lighter or darker and of its own length."""
    along = np.gradient(path, axis=0)
    across = np.stack([along[:, 1], -along[:, 0]], 1) / (np.hypot(*along.T)[:, np.newaxis] + 1e-9)
    hairs = max(3, width // 2)
    for offset in np.linspace(-0.5, 0.5, hairs):
        edge = int(4 * abs(offset) * rng.random() * len(path) / 5)
        points = (path + across * offset * width)[edge : len(path) - edge] * scale
        shade = np.clip(colour * (1 + rng.normal(0, 0.07)) + rng.normal(0, 5, 3), 0, 255)
        if len(points) > 1:
            pen.line(
                [(x, y) for y, x in points], tuple(shade.astype(int)), int(width * scale / hairs + 2), joint="curve"
            )


def relief(image):
    """Light from above on thick paint."""
    height = ndimage.gaussian_filter(image.mean(axis=2), 0.7)
    slope = ndimage.sobel(height, 0) + 0.5 * ndimage.sobel(height, 1)
    return image + 0.09 * np.clip(slope, -160, 160)[..., np.newaxis]


# Stained glass: a rose window of panes in lead.

JEWELS = colours(
    "8c1020", "c8102e", "e8a317", "f4d35e", "0b6e4f", "17a398", "123f9c", "2a7de1", "5b2a86", "b13e8d", "e8eef2"
)


def stained_glass(rng):
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    seeds, shades = panes(rng)
    warped = np.stack([y + 3 * noise(rng, 30), x + 3 * noise(rng, 30)], -1)
    distances, nearest = spatial.cKDTree(seeds).query(warped, k=2)
    lead = distances[..., 1] - distances[..., 0]  # about twice the distance to the border
    glass = shades[nearest[..., 0]]
    streaks = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), (14, 2)) * 22 + noise(rng, 1.2) * 0.04
    bubbles = np.clip(noise(rng, 2.2) - 2.2, 0, 1) * 0.5
    light = 1.08 - 0.35 * np.hypot((y - HEIGHT / 2) / HEIGHT, (x - WIDTH / 2) / WIDTH) + 0.06 * noise(rng, 70)
    centre = np.exp(-((distances[..., 0] / 26) ** 2))  # panes glow in their middles
    image = glass * (light + 0.16 * streaks + bubbles + 0.18 * centre)[..., np.newaxis]
    edge = np.clip(lead / 3.2 - 1.1, 0, 1)[..., np.newaxis]
    cames = (26 + 46 * np.exp(-(((lead - 1.5) / 1.0) ** 2)) + 6 * noise(rng, 1))[..., np.newaxis] * np.array(
        [0.95, 1, 1.1]
    )
    return cames + (image - cames) * edge


def panes(rng):
    """(the middles of the panes [N, 2], their colours [N, 3])."""
    middles, shades = [(HEIGHT / 2, WIDTH / 2)], [JEWELS[2]]
    for ring, (radius, count) in enumerate(((38, 8), (78, 12), (120, 24), (165, 24), (212, 36), (262, 36), (310, 48))):
        for place in range(count):
            angle = 2 * np.pi * (place + 0.5 * (ring % 2)) / count
            middles.append((HEIGHT / 2 + radius * np.sin(angle), WIDTH / 2 + radius * np.cos(angle)))
            pair = ((1, 3), (7, 6), (2, 8), (5, 4), (1, 9), (7, 10), (6, 0))[ring]
            shades.append(JEWELS[pair[place % 2]])
    for middle in rng.uniform((-30, -30), (HEIGHT + 30, WIDTH + 30), (5000, 2)):
        outside = np.hypot(*(middle - middles[0])) > 345
        if outside and np.hypot(*(middle - middles).T).min() > 34:  # far enough from all before it
            middles.append(tuple(middle))
            shades.append(JEWELS[rng.choice([4, 5, 6, 7, 8, 0], p=[0.2, 0.15, 0.3, 0.15, 0.12, 0.08])])
    shades = np.array(shades) * rng.uniform(0.8, 1.15, (len(shades), 1))
    return np.array(middles), shades


# A woodcut: waves printed in blues, cut in lines that follow them.

PAPER, INK = colours("f1e4c8")[0], colours("14213d")[0]
SEA = colours("9fc4c9", "5b93ad", "2f6690", "204a73", "16324f")


def woodcut(rng):
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    image = sky(y, x, rng)
    crests = np.linspace(210, HEIGHT + 20, 8)
    for index, crest in enumerate(crests):
        size = 16 + 9 * index
        image = wave(image, y, x, crest, size, SEA[min(index * len(SEA) // len(crests) + 1, len(SEA) - 1)], rng)
    fibres = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), (0.6, 9))
    worn = np.clip(noise(rng, 1.1) - 2.1, 0, 1)[..., np.newaxis]
    image = image * (1 + 0.12 * fibres[..., np.newaxis]) + (PAPER - image) * worn
    return image


def sky(y, x, rng):
    """A low sun in lines of cloud."""
    glow = mixed(colours("e9c79b", "f1e4c8", "dfe3d0", "b9cfcf"), 1 - y / 260)
    disc = np.hypot(y - 150, x - 560) < 84
    image = np.where(disc[..., np.newaxis], colours("cf4a30")[0], glow)
    bent = y + 10 * noise(rng, 60) + 4 * np.sin(x / 60)
    thickness = 0.30 + 0.28 * noise(rng, 45)
    lines = np.cos(bent * 2 * np.pi / 11) > 1 - np.clip(thickness, 0, 0.8)
    return np.where(lines[..., np.newaxis], image * 0.35 + INK * 0.65, image)


def wave(image, y, x, crest, size, colour, rng):
    """Lay one row of waves over the image: foam at its crest, body and cut lines below."""
    phase = rng.uniform(0, 2 * np.pi)
    swing = x / (size * 2.6) + phase + 0.9 * np.sin(x / (size * 7) + phase)
    curl = np.abs(np.sin(swing / 2)) ** 0.7  # rounded backs, pointed troughs
    top = crest - size * (1.5 * curl - 0.4) - 6 * noise(rng, 40, (1, WIDTH))[0]
    depth = y - top
    fingers = 5 * np.sin(x / 4.3 + 2 * np.sin(x / 13)) + 4 * noise(rng, 3)
    foam = (depth > 0) & (depth < size * 0.42 + fingers)
    outline = (np.abs(depth) < 2.1) | (np.abs(depth - size * 0.42 - fingers) < 1.6)
    follow = depth + size * 0.9 * np.cos(swing) * np.exp(-depth / (3 * size))
    period = 5 + size / 10
    cut = np.cos(2 * np.pi * follow / period) > 0.15 + 0.75 * np.clip(depth / (3.2 * size), 0, 1) + 0.2 * noise(rng, 12)
    body = np.where(cut[..., np.newaxis], PAPER * 0.55 + colour * 0.45, colour)
    shade = np.cos(2 * np.pi * (follow + period / 2) / period) > 0.75 - 0.5 * np.clip(depth / (3 * size), 0, 1)
    body = np.where(shade[..., np.newaxis], INK, body)
    layer = np.where(foam[..., np.newaxis], PAPER, body)
    layer = np.where(outline[..., np.newaxis], INK, layer)
    return np.where((depth > -2.1)[..., np.newaxis], layer, image)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
