"""The faces of a city bus."""

import numpy as np

from aim_ros.street.canvas import Texture
from aim_ros.street.face_parts import advert
from aim_ros.street.face_parts import display
from aim_ros.street.face_parts import lamp
from aim_ros.street.face_parts import mirrors
from aim_ros.street.face_parts import pick
from aim_ros.street.face_parts import plate
from aim_ros.street.face_parts import twin_wheels
from aim_ros.street.face_parts import windscreen
from aim_ros.street.face_parts import WORDS
from aim_ros.street.large_models import LargeModel
from aim_ros.street.large_models import Section
from aim_ros.street.sheet import CHASSIS
from aim_ros.street.sheet import GLASS
from aim_ros.street.sheet import pane
from aim_ros.street.sheet import RUBBER
from aim_ros.street.sheet import Sheet
from aim_ros.street.sheet import soften
from aim_ros.street.sheet import wheel

_SKIRT = 0.27  # metres of air below the body


def paint_bus(model: LargeModel, section: Section, which: str, rng: np.random.Generator
              ) -> Texture:
    """Paint one face of a bus."""
    if which in ('left', 'right'):
        return _side(model, section, which == 'right', rng)
    return (_front if which == 'front' else _rear)(model, section, rng)


def _look(model):
    """How the sides and the ends of one bus are divided, whichever of them is painted."""
    rng = np.random.default_rng((model.seed, 9))
    return {'belt': rng.uniform(0.98, 1.2), 'top': rng.uniform(2.5, 2.62),
            'band': bool(rng.random() < 0.7), 'unit': bool(rng.random() < 0.6),
            'skirt': bool(rng.random() < 0.6), 'dirt': rng.uniform(0.1, 0.5),
            'advert': bool(rng.random() < 0.6)}


def _side(model, section, doors, rng):
    look, (body, second, ink) = _look(model), model.colours
    length, high = section.length, section.height
    sheet = Sheet(length, high + section.rise, body, nose_right=doors)
    rake = section.rake
    sheet.cover(((0, _SKIRT), (length - 0.02, _SKIRT), (length, high - 0.2),
                 (length - 0.1, high - 0.08), (rake + 0.1, high - 0.08),
                 (rake * 0.9, high - 0.25), (rake * 0.3, 1.0), (0, 0.7)))
    if look['unit']:
        a, b = 0.28 * length, 0.52 * length
        sheet.cover(((a, high - 0.1), (b, high - 0.1), (b - 0.15, high + 0.26),
                     (a + 0.3, high + 0.26)))
        sheet.box(a, b, high, high + section.rise, soften(body, 0.82))
    if look['skirt']:
        sheet.box(0, length, 0, 0.62, second)
    sheet.box(0, length, 0, 0.36, CHASSIS)
    sheet.shade(0, length, high - 0.35, high + section.rise, 1.0, 1.14)
    sheet.shade(0, length, _SKIRT, 0.9, 0.72, 1.0)
    _windows(sheet, rng, section, look, doors)
    if look['advert']:
        front, back = section.axles[0] + 0.7, section.axles[1] - 0.7
        a = front + rng.uniform(0, 0.35) * (back - front)
        if not doors:
            advert(sheet, rng, a, back, 0.42, look['belt'] - 0.06)
    elif not doors:
        sheet.text(pick(rng, WORDS), 4.0, 8.0, 0.55, look['belt'] - 0.15, ink)
    for x in np.arange(0.4, length, 1.4):  # joints of the panels
        sheet.box(x, x + 0.012, 0.36, look['belt'], soften(body, 0.7))
    if doors:
        _doors(sheet, rng, section, look)
        display(sheet, rng, 2.1, 3.9, look['top'] - 0.34, look['top'] - 0.06)
    if length > 15:
        _joint(sheet, high)
    for x in section.axles:
        wheel(sheet, x, 0.48)
    for x in np.arange(1.6, length - 0.5, 2.6):
        sheet.box(x, x + 0.09, 0.56, 0.60, (236, 150, 40))
    return sheet.finish(rng, look['dirt'])


def _windows(sheet, rng, section, look, doors):
    length, belt, top = section.length, look['belt'], look['top']
    if look['band']:
        sheet.box(section.rake * 0.4, length - 0.06, belt - 0.03, top + 0.05, (22, 25, 28))
    x = 1.5
    sheet.polygon(((0.18 + section.rake * 0.5, belt - 0.15), (1.35, belt - 0.15), (1.35, top),
                   (0.2 + section.rake * 0.9, top)), GLASS)
    if not doors:  # who drives sits on the left
        sheet.disc(0.95, belt + 0.55, 0.13, (128, 100, 86))
        sheet.box(0.75, 1.2, belt - 0.1, belt + 0.38, (54, 62, 84))
    while x < length - 0.9:
        end = min(x + rng.uniform(1.2, 1.55), length - 0.35)
        pane(sheet, rng, x, end, belt, top)
        if rng.random() < 0.5:  # a window to tilt
            sheet.box(x, end, top - 0.34, top - 0.31, (14, 15, 16))
        x = end + (0.07 if look['band'] else 0.11)


def _doors(sheet, rng, section, look):
    places = [1.35 / 2 - 0.1, section.length * 0.48]
    if section.length > 11.5:
        places.append(section.length - 2.3)
    for x in places:
        wide = 1.25
        sheet.box(x - 0.04, x + wide + 0.04, 0.33, look['top'] + 0.08, RUBBER)
        for leaf in (x, x + wide / 2):
            pane(sheet, rng, leaf + 0.05, leaf + wide / 2 - 0.05, 0.5, look['top'], seats=False)
            sheet.box(leaf + 0.08, leaf + 0.11, 1.0, 1.7, (214, 190, 60))


def _joint(sheet, high):
    """Paint the bellows between the two parts of an articulated bus."""
    sheet.box(10.4, 11.6, 0.3, high, (38, 39, 42))
    for x in np.arange(10.4, 11.6, 0.12):
        sheet.box(x, x + 0.05, 0.3, high, (22, 22, 24))


def _front(model, section, rng):
    look, (body, second, _) = _look(model), model.colours
    wide, high = section.width, section.height
    left, right = section.mirrors, section.mirrors + wide
    middle = (left + right) / 2
    sheet = Sheet(wide + 2 * section.mirrors, high + section.rise, body)
    twin_wheels(sheet, left + 0.04, right - 0.04, 0.3, 0.4)
    sheet.cover(((left, _SKIRT), (right, _SKIRT), (right, high - 0.3), (right - 0.16, high - 0.03),
                 (middle, high), (left + 0.16, high - 0.03), (left, high - 0.3)))
    if look['unit']:
        sheet.cover(((left + 0.4, high - 0.02), (right - 0.4, high - 0.02),
                     (right - 0.5, high + 0.16), (left + 0.5, high + 0.16)))
        sheet.box(left, right, high, high + section.rise, soften(body, 0.7))
    low = look['belt'] - rng.uniform(0.0, 0.25)
    glass = np.array(((left + 0.07, low), (right - 0.07, low), (right - 0.1, high - 0.5),
                      (left + 0.1, high - 0.5)))
    sheet.box(left + 0.06, right - 0.06, high - 0.5, high - 0.14, (20, 21, 23))
    windscreen(sheet, rng, glass, high - 0.5, right - 0.65)
    if rng.random() < 0.4:
        sheet.box(middle - 0.02, middle + 0.02, low, high - 0.5, (16, 16, 17))
    display(sheet, rng, left + 0.3, right - 0.3, high - 0.45, high - 0.17)
    if look['skirt']:
        sheet.box(left, right, _SKIRT, 0.62, second)
    sheet.box(left, right, 0.2, 0.36, (36, 37, 40))
    sheet.box(left + 0.1, right - 0.1, 0.40, 0.43, soften(body, 0.6))
    sheet.box(left + 0.5, right - 0.5, low - 0.14, low - 0.05, soften(body, 0.55))
    for x in (left + 0.32, right - 0.32):
        lamp(sheet, x, 0.64, 0.42, 0.2, (206, 212, 214))
        lamp(sheet, x + (0.28 if x < middle else -0.28), 0.62, 0.1, 0.14, (214, 150, 60))
    sheet.disc(middle, low - 0.22, 0.09, (190, 192, 196))
    plate(sheet, rng, middle, 0.42)
    sheet.shade(left, right, _SKIRT, 0.8, 0.75, 1.0)
    mirrors(sheet, left, right, high - 1.05, high - 0.45)
    return sheet.finish(rng, look['dirt'] * 0.5)


def _rear(model, section, rng):
    look, (body, second, _) = _look(model), model.colours
    wide, high = section.width, section.height
    middle = wide / 2
    sheet = Sheet(wide, high + section.rise, body)
    twin_wheels(sheet, 0.04, wide - 0.04, 0.5, 0.4)
    sheet.cover(((0, _SKIRT), (wide, _SKIRT), (wide, high - 0.25), (wide - 0.14, high - 0.03),
                 (middle, high), (0.14, high - 0.03), (0, high - 0.25)))
    pane(sheet, rng, 0.22, wide - 0.22, 1.62, 2.5, seats=False)
    display(sheet, rng, middle - 0.35, middle + 0.35, 2.56, 2.82, place=False)
    if look['skirt']:
        sheet.box(0, wide, _SKIRT, 0.62, second)
    if rng.random() < 0.5:
        advert(sheet, rng, 0.25, wide - 0.25, 0.98, 1.55)
    else:  # the engine's lid
        sheet.box(0.28, wide - 0.28, 0.66, 1.5, soften(body, 0.88))
        for y in np.arange(0.8, 1.4, 0.09):
            sheet.box(0.5, wide - 0.5, y, y + 0.035, soften(body, 0.45))
    sheet.box(0, wide, 0.2, 0.42, (34, 35, 38))
    for x in (0.15, wide - 0.15):
        lamp(sheet, x, 0.72, 0.15, 0.14, (220, 130, 40))
        lamp(sheet, x, 0.92, 0.15, 0.2, (176, 24, 24))
        lamp(sheet, x, 1.16, 0.15, 0.2, (150, 20, 20))
        lamp(sheet, x, 2.72, 0.1, 0.08, (150, 20, 20))
    plate(sheet, rng, middle, 0.5)
    sheet.shade(0, wide, _SKIRT, 0.8, 0.75, 1.0)
    return sheet.finish(rng, look['dirt'])
