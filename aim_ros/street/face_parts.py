"""What the faces of different large vehicles have in common."""

import numpy as np

from aim_ros.street.sheet import CHASSIS
from aim_ros.street.sheet import Colour
from aim_ros.street.sheet import GLASS
from aim_ros.street.sheet import Sheet
from aim_ros.street.sheet import soften

AMBER: Colour = (255, 176, 52)
WORDS = ('Obst', 'frisch', 'Transporte', 'LOGISTIK', 'express', 'Umzug', 'Baeckerei', 'moebel',
         'KARLSRUHE', 'Getraenke', 'MEYER', 'Kaffee', '24h', 'Zoo heute', 'Jobs', 'Theater',
         'Markt', 'service', 'GmbH', 'Fahr mit!', 'Bau', 'Elektro', 'Radio', 'Blumen')
PLACES = ('Hauptbahnhof', 'Marktplatz', 'Rathaus', 'Zentrum', 'Messe', 'Nordstadt', 'Durlach',
          'Klinikum', 'Betriebshof', 'Universitaet')
BRIGHT = ((214, 40, 44), (24, 96, 170), (246, 200, 40), (48, 140, 74), (236, 120, 32),
          (120, 50, 120), (236, 236, 232), (30, 150, 160), (232, 90, 130), (34, 36, 44))


def pick(rng: np.random.Generator, choices):
    """Draw one of a sequence."""
    return choices[rng.integers(len(choices))]


def advert(sheet: Sheet, rng: np.random.Generator, x0: float, x1: float, y0: float, y1: float
           ) -> None:
    """Paint an advertisement into a rectangle: a ground, shapes and words."""
    ground, figure = (BRIGHT[index] for index in rng.choice(len(BRIGHT), 2, replace=False))
    sheet.box(x0, x1, y0, y1, ground)
    wide, high = x1 - x0, y1 - y0
    cut = x0 + rng.uniform(0.15, 0.7) * wide
    lean = rng.uniform(-0.8, 0.8) * high
    if rng.random() < 0.7:
        sheet.polygon(((x0, y0), (cut, y0), (min(max(cut + lean, x0), x1), y1), (x0, y1)), figure)
    if rng.random() < 0.5:
        radius = 0.36 * high
        sheet.disc(x0 + rng.uniform(0.2, 0.8) * wide, (y0 + y1) / 2, radius, pick(rng, BRIGHT))
    ink = (240, 240, 236) if sum(ground) < 400 else (30, 32, 40)
    sheet.text(pick(rng, WORDS), x0 + 0.3 * wide, x1 - 0.06 * wide, y0 + 0.25 * high,
               y1 - 0.2 * high, ink)


def display(sheet: Sheet, rng: np.random.Generator, x0: float, x1: float, y0: float, y1: float,
            place: bool = True) -> None:
    """Paint a lit display with a line's number and, if asked for, where it goes."""
    sheet.box(x0, x1, y0, y1, (16, 16, 17))
    words = str(rng.integers(1, 80))
    if place:
        words = f'{words} {pick(rng, PLACES)}'
    inset = 0.16 * (y1 - y0)
    sheet.text(words, x0 + 0.05, x1 - 0.05, y0 + inset, y1 - inset, AMBER, 0.12)


def windscreen(sheet: Sheet, rng: np.random.Generator, points: np.ndarray, high: float,
               driver: float | None) -> None:
    """
    Paint a windscreen as a polygon of (x, y): darker below, with the sky in its upper part.

    :param high: where its upper edge is, metres.
    :param driver: x of who drives, if he is seen.
    """
    points = np.asarray(points, float)
    (x0, y0), (x1, _) = points.min(axis=0), points.max(axis=0)
    wide, tall = x1 - x0, high - y0
    sheet.polygon(points, GLASS)
    sheet.box(x0 + 0.1 * wide, x1 - 0.1 * wide, y0 + 0.42 * tall, high - 0.2 * tall,
              (70, 78, 84), 0.6)
    if driver is not None:
        sheet.disc(driver, y0 + 0.44 * tall, 0.125, (128, 100, 86))
        sheet.box(driver - 0.24, driver + 0.24, y0 + 0.05, y0 + 0.32 * tall, (54, 62, 84))
        sheet.box(driver - 0.25, driver + 0.25, y0 + 0.02, y0 + 0.1 * tall, (18, 18, 19))
    sheet.box(x0 + 0.04, x1 - 0.04, high - 0.2 * tall, high - 0.02, (140, 152, 162), 0.35)
    left = x0 + rng.uniform(0.1, 0.5) * wide
    sheet.polygon(((left, y0), (left + 0.2 * wide, y0), (left + 0.36 * wide, high),
                   (left + 0.16 * wide, high)), (176, 190, 202), rng.uniform(0.06, 0.2))
    for side in (0.3, 0.62):  # wipers
        x = x0 + side * wide
        sheet.polygon(((x, y0), (x + 0.03, y0), (x + 0.3 * wide, y0 + 0.2 * tall),
                       (x + 0.3 * wide - 0.02, y0 + 0.2 * tall)), (14, 14, 15))


def plate(sheet: Sheet, rng: np.random.Generator, middle: float, y: float) -> None:
    """Paint a number plate."""
    sheet.box(middle - 0.27, middle + 0.27, y, y + 0.115, (222, 222, 216))
    sheet.text(f'KA {rng.integers(100, 9999)}', middle - 0.2, middle + 0.24, y + 0.02, y + 0.095,
               (40, 40, 42))


def lamp(sheet: Sheet, x: float, y: float, wide: float, tall: float, colour: Colour) -> None:
    """Paint a lamp with its frame and its bright middle."""
    sheet.box(x - wide / 2 - 0.02, x + wide / 2 + 0.02, y - tall / 2 - 0.02, y + tall / 2 + 0.02,
              soften(colour, 0.35))
    sheet.box(x - wide / 2, x + wide / 2, y - tall / 2, y + tall / 2, colour)
    sheet.disc(x, y, 0.3 * min(wide, tall), soften(colour, 1.35))


def twin_wheels(sheet: Sheet, left: float, right: float, wide: float, top: float) -> None:
    """Paint the tyres that are seen below an end, at both of its edges, and what is between."""
    sheet.solid(left + wide, right - wide, 0.24, top, (18, 18, 19))
    for x in (left, right - wide):
        sheet.solid(x, x + wide, 0.0, top, (24, 24, 25))
        sheet.box(x + 0.4 * wide, x + 0.5 * wide, 0.0, top, (14, 14, 15))


def mirrors(sheet: Sheet, left: float, right: float, low: float, high: float) -> None:
    """Paint the mirrors that stand out beside a front."""
    for edge, out in ((left, -1), (right, 1)):
        a, b = sorted((edge + out * 0.07, edge + out * 0.27))
        sheet.solid(*sorted((edge, edge + out * 0.14)), high, high + 0.04, CHASSIS)
        sheet.solid(a, b, low, high + 0.04, (34, 35, 37))
        sheet.box(a + 0.03, b - 0.03, low + 0.04, high - 0.02, (52, 54, 57))
