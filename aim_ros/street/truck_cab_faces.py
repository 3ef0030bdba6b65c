"""The faces of a truck's cab, over its engine or behind a bonnet."""

import numpy as np

from aim_ros.street.canvas import Texture
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
from aim_ros.street.sheet import Sheet
from aim_ros.street.sheet import soften
from aim_ros.street.sheet import wheel


def paint_cab(model: LargeModel, section: Section, which: str, rng: np.random.Generator
              ) -> Texture:
    """Paint one face of a cab over the engine."""
    if which in ('left', 'right'):
        return _cab_side(model, section, which == 'right', rng)
    if which == 'rear':
        return _back(model, section, rng)
    return _cab_front(model, section, rng)


def paint_bonnet(model: LargeModel, section: Section, which: str, rng: np.random.Generator
                 ) -> Texture:
    """Paint one face of the cab of a delivery truck, with a short bonnet."""
    if which in ('left', 'right'):
        return _bonnet_side(model, section, which == 'right', rng)
    if which == 'rear':
        return _back(model, section, rng)
    return _bonnet_front(model, section, rng)


def _paint(model):
    return model.colours[1]


def _cab_side(model, section, right, rng):
    paint, length, high, rake = _paint(model), section.length, section.height, section.rake
    sheet = Sheet(length, high, paint, nose_right=right)
    belt = 1.62 if high < 3.2 else 1.95
    sheet.cover(((0, 0.38), (length, 0.38), (length, high), (rake + 0.3, high),
                 (rake, high - 0.2), (0.02, belt - 0.1), (0, 0.9)))
    sheet.box(0, length, 0, 0.62, CHASSIS)
    sheet.shade(0, length, 0.5, 1.1, 0.8, 1.0)
    top = min(belt + 0.85, high - 0.2)
    sheet.polygon(((rake + 0.2, belt), (1.2, belt), (1.2, top), (rake + 0.38, top)), GLASS)
    sheet.disc(0.95, belt + 0.4, 0.13, (120, 94, 80))
    sheet.box(0.78, 1.15, belt, belt + 0.26, (58, 60, 70))
    sheet.polygon(((rake + 0.3, belt), (rake + 0.5, belt), (rake + 0.75, top), (rake + 0.55, top)),
                  (170, 184, 196), 0.2)
    for x in (0.13, 1.28):
        sheet.box(x, x + 0.02, 0.7, top + 0.05, soften(paint, 0.5))
    sheet.box(1.05, 1.2, belt - 0.22, belt - 0.16, (24, 24, 26))
    sheet.box(0.03, 0.18, belt - 0.1, belt + 0.6, (30, 31, 33))  # the mirror
    for y in (0.45, 0.7):
        sheet.box(0.3, 0.75, y, y + 0.05, (70, 72, 74))  # steps
    lamp(sheet, 0.1, 0.8, 0.14, 0.16, (214, 150, 60))
    if high > 3.2:
        sheet.text(pick(rng, WORDS), 0.5, length - 0.2, high - 0.6, high - 0.3, model.colours[2])
    for x in section.axles:
        wheel(sheet, x, 0.5)
    return sheet.finish(rng, rng.uniform(0.1, 0.45))


def _cab_front(model, section, rng):
    paint, wide, high = _paint(model), section.width, section.height
    left, right = section.mirrors, section.mirrors + wide
    middle = (left + right) / 2
    sheet = Sheet(wide + 2 * section.mirrors, high, paint)
    twin_wheels(sheet, left + 0.05, right - 0.05, 0.32, 0.6)
    sheet.cover(((left, 0.36), (right, 0.36), (right, high - 0.3), (right - 0.12, high),
                 (left + 0.12, high), (left, high - 0.3)))
    belt = 1.55 if high < 3.2 else 1.9
    top = min(belt + 0.95, high - 0.22)
    glass = np.array(((left + 0.08, belt), (right - 0.08, belt), (right - 0.14, top),
                      (left + 0.14, top)))
    windscreen(sheet, rng, glass, top, right - 0.6)
    sheet.box(left + 0.15, right - 0.15, top + 0.02, top + 0.1, soften(paint, 0.55))  # visor
    if high > 3.2:
        sheet.text(pick(rng, WORDS), left + 0.4, right - 0.4, high - 0.62, high - 0.25,
                   model.colours[2])
    sheet.box(left + 0.35, right - 0.35, 0.95, belt - 0.18, (34, 35, 37))  # the grille
    for y in np.arange(1.0, belt - 0.22, 0.11):
        sheet.box(left + 0.38, right - 0.38, y, y + 0.03, (92, 94, 97))
    sheet.disc(middle, belt - 0.32, 0.11, (196, 198, 202))
    bumper = soften(paint, 0.9) if rng.random() < 0.5 else (66, 68, 71)
    sheet.box(left, right, 0.3, 0.86, bumper)
    sheet.box(left + 0.2, right - 0.2, 0.36, 0.5, (24, 25, 26))
    for x in (left + 0.34, right - 0.34):
        lamp(sheet, x, 0.72, 0.38, 0.2, (212, 216, 216))
    for x in (left + 0.09, right - 0.09):
        lamp(sheet, x, 0.74, 0.1, 0.2, (218, 150, 60))
    plate(sheet, rng, middle, 0.58)
    mirrors(sheet, left, right, belt + 0.05, belt + 0.75)
    return sheet.finish(rng, rng.uniform(0.05, 0.3))


def _back(model, section, rng):
    """The back of a cab, which shows over a flatbed."""
    wide, high = section.width, section.height
    sheet = Sheet(wide, high, soften(_paint(model), 0.9))
    twin_wheels(sheet, 0.05, wide - 0.05, 0.45, 0.6)
    sheet.cover(((0, 0.5), (wide, 0.5), (wide, high - 0.15), (wide - 0.12, high),
                 (0.12, high), (0, high - 0.15)))
    sheet.box(0.4, wide - 0.4, high - 0.95, high - 0.4, GLASS)
    sheet.box(0.5, wide - 0.5, high - 0.75, high - 0.5, (84, 94, 102), 0.5)
    return sheet.finish(rng, 0.3)


def _bonnet_side(model, section, right, rng):
    paint, length, high = _paint(model), section.length, section.height
    sheet = Sheet(length, high, paint, nose_right=right)
    sheet.cover(((0.0, 0.32), (length, 0.32), (length, high), (1.5, high), (1.32, high - 0.08),
                 (0.72, 1.36), (0.1, 1.14), (0.0, 0.9)))
    sheet.box(0, length, 0, 0.48, CHASSIS)
    sheet.shade(0, length, 0.4, 0.9, 0.8, 1.0)
    sheet.polygon(((0.86, 1.3), (2.05, 1.3), (2.05, high - 0.2), (1.45, high - 0.2)), GLASS)
    sheet.disc(1.75, 1.62, 0.13, (120, 94, 80))
    sheet.polygon(((1.1, 1.3), (1.35, 1.3), (1.7, high - 0.2), (1.5, high - 0.2)),
                  (170, 184, 196), 0.22)
    for x in (1.25, 2.15):
        sheet.box(x, x + 0.018, 0.5, 1.3, soften(paint, 0.5))
    sheet.box(0.0, 1.2, 0.62, 0.70, (52, 54, 56))
    sheet.box(1.9, 2.08, 1.12, 1.17, (24, 24, 26))
    sheet.box(1.02, 1.2, 1.25, 1.55, (30, 31, 33))
    lamp(sheet, 0.1, 0.96, 0.2, 0.2, (206, 212, 214))
    for x in section.axles:
        wheel(sheet, x, 0.36)
    return sheet.finish(rng, rng.uniform(0.1, 0.4))


def _bonnet_front(model, section, rng):
    paint, wide, high = _paint(model), section.width, section.height
    left, right = section.mirrors, section.mirrors + wide
    middle = (left + right) / 2
    sheet = Sheet(wide + 2 * section.mirrors, high, paint)
    twin_wheels(sheet, left + 0.05, right - 0.05, 0.24, 0.45)
    sheet.cover(((left, 0.28), (right, 0.28), (right, 1.3), (right - 0.14, high - 0.1),
                 (right - 0.24, high), (left + 0.24, high), (left + 0.14, high - 0.1),
                 (left, 1.3)))
    glass = np.array(((left + 0.09, 1.36), (right - 0.09, 1.36), (right - 0.24, high - 0.14),
                      (left + 0.24, high - 0.14)))
    windscreen(sheet, rng, glass, high - 0.14, right - 0.55)
    sheet.shade(left, right, 1.08, 1.36, 1.0, 1.22)  # the bonnet lies towards the sky
    sheet.box(left + 0.02, right - 0.02, 1.07, 1.085, soften(paint, 0.5))
    sheet.box(left + 0.5, right - 0.5, 0.72, 1.04, (32, 33, 35))
    for y in (0.8, 0.9, 1.0):
        sheet.box(left + 0.52, right - 0.52, y, y + 0.02, (120, 122, 124))
    sheet.disc(middle, 0.94, 0.09, (196, 198, 202))
    for x in (left + 0.26, right - 0.26):
        lamp(sheet, x, 0.92, 0.36, 0.26, (212, 216, 216))
    sheet.box(left, right, 0.28, 0.64, (58, 60, 63))
    sheet.box(left + 0.45, right - 0.45, 0.34, 0.46, (22, 23, 24))
    plate(sheet, rng, middle, 0.5)
    mirrors(sheet, left, right, 1.36, 1.62)
    return sheet.finish(rng, rng.uniform(0.05, 0.3))
