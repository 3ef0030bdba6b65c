"""The faces of a tram."""

from itertools import pairwise

import numpy as np

from aim_ros.street.canvas import Texture
from aim_ros.street.face_parts import advert
from aim_ros.street.face_parts import display
from aim_ros.street.face_parts import lamp
from aim_ros.street.face_parts import windscreen
from aim_ros.street.large_models import LargeModel
from aim_ros.street.large_models import Section
from aim_ros.street.sheet import GLASS
from aim_ros.street.sheet import pane
from aim_ros.street.sheet import Sheet
from aim_ros.street.sheet import soften

_SKIRT = 0.14


def paint_tram(model: LargeModel, section: Section, which: str, rng: np.random.Generator
               ) -> Texture:
    """Paint one face of a tram, whose ends are alike but for their lamps."""
    if which in ('left', 'right'):
        return _side(model, section, which == 'right', rng)
    return _end(model, section, which == 'front', rng)


def _look(model):
    rng = np.random.default_rng((model.seed, 9))
    return {'belt': rng.uniform(1.15, 1.4), 'top': rng.uniform(2.55, 2.7),
            'parts': int(rng.integers(3, 6)), 'dark': bool(rng.random() < 0.6),
            'adverts': bool(rng.random() < 0.5), 'dirt': rng.uniform(0.1, 0.4),
            'band': bool(rng.random() < 0.7)}


def _side(model, section, right, rng):
    look, (body, second, _) = _look(model), model.colours
    length, high, rake = section.length, section.height, section.rake
    belt, top = look['belt'], look['top']
    sheet = Sheet(length, high + section.rise, body, nose_right=right)
    sheet.cover(((0.0, _SKIRT), (length, _SKIRT), (length - rake * 0.25, 1.0),
                 (length - rake, high - 0.3), (length - rake - 0.3, high), (rake + 0.3, high),
                 (rake, high - 0.3), (rake * 0.25, 1.0)))
    sheet.box(0, length, high - 0.42, high, soften(second, 0.9) if look['dark'] else body)
    sheet.shade(0, length, high - 0.4, high, 1.0, 1.15)
    for x in np.linspace(0.12, 0.8, 5) * length:  # boxes on the roof
        sheet.solid(x, x + rng.uniform(1.5, 3.0), high - 0.01, high + 0.24, (120, 122, 126))
    _pantograph(sheet, length * 0.36, high)
    if look['band']:
        sheet.box(rake * 0.6, length - rake * 0.6, belt - 0.04, top + 0.06, (24, 26, 29))
    sheet.box(0, length, _SKIRT, 0.5, soften(second, 0.8))
    sheet.shade(0, length, _SKIRT, 0.9, 0.7, 1.0)
    share = length / look['parts']
    for part in range(look['parts']):
        _part(sheet, rng, look, part * share, (part + 1) * share, rake, part)
    for part in range(1, look['parts']):
        _joint(sheet, part * share, high)
    for x in (rake * 0.7, length - rake * 0.7):  # the driver's windows
        a, b = (x, x + 1.1) if x < length / 2 else (x - 1.1, x)
        sheet.box(a, b, belt - 0.1, top, GLASS)
        sheet.box(a + 0.2, b - 0.2, belt + 0.4, top - 0.2, (88, 98, 106), 0.5)
    return sheet.finish(rng, look['dirt'])


def _part(sheet, rng, look, start, end, rake, number):
    belt, top = look['belt'], look['top']
    first, last = start + 0.5, end - 0.5
    if number == 0:
        first += rake * 0.7 + 1.0
    if number == look['parts'] - 1:
        last -= rake * 0.7 + 1.0
    door = (first + last) / 2 - 0.65
    x = first
    while x < last - 0.5:
        wide = min(rng.uniform(1.3, 1.9), last - x)
        pane(sheet, rng, x, x + wide, belt, top)
        x += wide + 0.09
    if look['adverts']:
        for a, b in ((first, door - 0.15), (door + 1.45, last)):
            advert(sheet, rng, a, b, 0.55, belt - 0.12)
    sheet.box(door - 0.05, door + 1.35, 0.3, top + 0.08, soften((60, 62, 66), 0.7))
    for leaf in (door, door + 0.65):
        pane(sheet, rng, leaf + 0.05, leaf + 0.6, 0.7, top, seats=False)
    if number == 0:
        display(sheet, rng, first + 0.1, first + 1.5, top - 0.32, top - 0.04)


def _joint(sheet, x, high):
    sheet.box(x - 0.35, x + 0.35, 0.2, high, (36, 37, 40))
    for rib in np.arange(x - 0.35, x + 0.35, 0.1):
        sheet.box(rib, rib + 0.04, 0.2, high, (20, 20, 22))


def _pantograph(sheet, x, high):
    points = (x, high + 0.1), (x + 1.1, high + 0.75), (x + 0.2, high + 1.4)
    for (x0, y0), (x1, y1) in pairwise(points):
        bar = ((x0, y0), (x0 + 0.07, y0), (x1 + 0.07, y1), (x1, y1))
        sheet.polygon(bar, (70, 72, 76))
        sheet.cover(bar)
    sheet.solid(x - 0.2, x + 0.6, high + 1.38, high + 1.45, (60, 62, 66))


def _end(model, section, front, rng):
    look, (body, second, _) = _look(model), model.colours
    wide, high = section.width, section.height
    middle = wide / 2
    sheet = Sheet(wide, high + section.rise, body)
    sheet.cover(((0.1, 0.16), (wide - 0.1, 0.16), (wide, 0.6), (wide, high - 0.55),
                 (wide - 0.25, high - 0.05), (middle, high), (0.25, high - 0.05),
                 (0, high - 0.55)))
    low = look['belt'] - rng.uniform(0.05, 0.3)
    if look['dark']:
        sheet.box(0, wide, low - 0.05, high - 0.1, (26, 28, 31))
    glass = np.array(((0.1, low), (wide - 0.1, low), (wide - 0.2, high - 0.75),
                      (0.2, high - 0.75)))
    windscreen(sheet, rng, glass, high - 0.75, middle if front else None)
    display(sheet, rng, 0.35, wide - 0.35, high - 0.68, high - 0.36)
    sheet.box(0, wide, 0.16, 0.5, soften(second, 0.8))
    sheet.box(0.35, wide - 0.35, 0.3, 0.52, (40, 42, 45))  # the coupling's cover
    tone = (222, 224, 220) if front else (180, 26, 24)
    for x in (0.36, wide - 0.36):
        lamp(sheet, x, 0.78, 0.3, 0.16, tone)
    if front:
        lamp(sheet, middle, high - 0.2, 0.16, 0.12, tone)
    sheet.text(str(model.seed % 900 + 100), middle - 0.3, middle + 0.3, 0.68, 0.86,
               model.colours[2])
    sheet.solid(0.5, wide - 0.5, high - 0.04, high + 0.16, (112, 114, 118))
    for x in (0.75, wide - 0.75):  # the pantograph, some way back
        bar = ((x, high + 0.1), (x + 0.05, high + 0.1), (middle + (x - middle) * 0.5, high + 0.85),
               (middle + (x - middle) * 0.5 - 0.05, high + 0.85))
        sheet.polygon(bar, (70, 72, 76))
        sheet.cover(bar)
    sheet.solid(0.45, wide - 0.45, high + 0.84, high + 0.9, (60, 62, 66))
    sheet.shade(0, wide, 0.16, 0.8, 0.75, 1.0)
    return sheet.finish(rng, look['dirt'] * 0.6)
