"""The faces of what a truck carries: a box, a tarpaulin, a flatbed."""

from itertools import pairwise

import numpy as np

from aim_ros.street.canvas import Texture
from aim_ros.street.face_parts import BRIGHT
from aim_ros.street.face_parts import lamp
from aim_ros.street.face_parts import pick
from aim_ros.street.face_parts import plate
from aim_ros.street.face_parts import twin_wheels
from aim_ros.street.face_parts import WORDS
from aim_ros.street.large_models import LargeModel
from aim_ros.street.large_models import Section
from aim_ros.street.sheet import CHASSIS
from aim_ros.street.sheet import Sheet
from aim_ros.street.sheet import soften
from aim_ros.street.sheet import wheel


def paint_body(model: LargeModel, section: Section, which: str, rng: np.random.Generator
               ) -> Texture:
    """Paint one face of a box or of a body with a tarpaulin."""
    if which in ('left', 'right'):
        return _body_side(model, section, which == 'right', rng)
    if which == 'front':
        return _body_front(model, section, rng)
    return _body_rear(model, section, rng)


def paint_flatbed(model: LargeModel, section: Section, which: str, rng: np.random.Generator
                  ) -> Texture:
    """Paint one face of a flatbed with its load."""
    length = section.length if which in ('left', 'right') else section.width
    sheet = Sheet(length, section.height + section.rise, (150, 150, 148),
                  nose_right=which == 'right')
    if which in ('left', 'right'):
        _frame(sheet, section)
    else:
        twin_wheels(sheet, 0.06, length - 0.06, 0.5, 0.75)
        sheet.solid(0.3, length - 0.3, 0.55, 0.9, CHASSIS)
    load = np.random.default_rng((model.seed, 8))
    if load.random() < 0.6:
        high = section.height + load.uniform(0.15, 0.55)
        tone = pick(load, ((126, 98, 66), (150, 142, 128), (96, 100, 104), (70, 84, 108)))
        points = [(x, high - load.uniform(0, 0.3)) for x in np.linspace(0.1, length - 0.1, 9)]
        pile = ((0.1, section.height - 0.2), *points, (length - 0.1, section.height - 0.2))
        sheet.polygon(pile, tone)
        sheet.cover(pile)
    side = model.colours[0] if load.random() < 0.5 else (164, 166, 166)
    sheet.solid(0, length, 0.85, section.height, side)
    sheet.box(0, length, 0.85, 0.95, (58, 60, 62))
    for y in (1.08, 1.24):
        sheet.box(0, length, y, y + 0.02, soften(side, 0.75))
    for x in np.linspace(0.02, length - 0.08, max(2, round(length / 1.8) + 1)):
        sheet.box(x, x + 0.06, 0.85, section.height, soften(side, 0.6))
    if which == 'rear':
        _rear_lamps(sheet, rng, length)
    return sheet.finish(rng, rng.uniform(0.2, 0.6))


def _style(model):
    """How the body of one truck looks, whichever face is painted."""
    rng = np.random.default_rng((model.seed, 7))
    return {'tarpaulin': bool(rng.random() < 0.35), 'words': pick(rng, WORDS),
            'slant': rng.uniform(-1.5, 1.5), 'cut': rng.uniform(0.15, 0.5),
            'figure': rng.choice(('slant', 'stripe', 'disc', 'picture', 'none')),
            'second': pick(rng, (model.colours[1], model.colours[2], pick(rng, BRIGHT))),
            'dirt': rng.uniform(0.1, 0.55)}


def _floor(section):
    return 0.75 if section.height < 3.32 and section.width < 2.3 else 1.02


def _frame(sheet, section):
    """Paint what is below the floor: beams, a tank, guards, and the wheels."""
    length = section.length
    sheet.solid(0, length, 0.72, 1.1, CHASSIS)
    radius = 0.36 if section.width < 2.3 else 0.5
    for before, after in pairwise((0.0, *section.axles, length)):
        a, b = before + radius * 1.25, after - radius * 1.25
        if b - a > 0.5:
            sheet.solid(a, b, 0.38, 0.8, (24, 25, 26))
            for y in (0.45, 0.62):
                sheet.box(a + 0.05, b - 0.05, y, y + 0.1, (120, 122, 124))
            if b - a > 1.8:
                sheet.box(a + 0.15, a + 1.1, 0.4, 0.82, (82, 84, 88))
    for x in section.axles:
        sheet.disc(x, radius + 0.05, radius * 1.2, (20, 20, 21), cover=True)
        wheel(sheet, x, radius)


def _body_side(model, section, right, rng):
    style, body = _style(model), model.colours[0]
    length, high, floor = section.length, section.height, _floor(section)
    sheet = Sheet(length, high, body, nose_right=right)
    _frame(sheet, section)
    sheet.solid(0, length, floor, high, body)
    _figure(sheet, style, length, high, floor)
    ink = model.colours[2] if model.colours[2] != body else (40, 42, 46)
    x = length * style['cut'] + 0.2 if style['figure'] == 'slant' else length * 0.15
    sheet.text(style['words'], x, length * 0.92, floor + 0.34 * (high - floor),
               floor + 0.74 * (high - floor), ink, 0.2)
    if style['tarpaulin']:
        for x in np.arange(0.3, length, rng.uniform(0.5, 0.8)):  # folds and straps
            sheet.shade(x, min(x + 0.1, length), floor + 0.1, high, 0.86, 0.97)
            sheet.box(x + 0.2, x + 0.23, floor - 0.12, floor + 0.3, (60, 60, 62))
        sheet.box(0, length, floor + 0.08, floor + 0.1, soften(body, 0.6))
    else:
        for x in np.arange(0.0, length, 1.22):
            sheet.box(x, x + 0.012, floor, high, soften(body, 0.8))
    for y0, y1 in ((floor, floor + 0.1), (high - 0.08, high)):
        sheet.box(0, length, y0, y1, (170, 172, 174))
    for x in (0.0, length - 0.07):
        sheet.box(x, x + 0.07, floor, high, (176, 178, 180))
    for x in np.arange(0.5, length, 1.5):
        sheet.box(x, x + 0.1, floor + 0.02, floor + 0.06, (236, 150, 40))
    sheet.shade(0, length, floor, high, 0.93, 1.04)
    return sheet.finish(rng, style['dirt'])


def _figure(sheet, style, length, high, floor):
    """Paint the second colour of a livery."""
    second, cut = style['second'], style['cut'] * length
    if style['figure'] == 'slant':
        curve = [(cut + style['slant'] * share**2, floor + share * (high - floor))
                 for share in np.linspace(0, 1, 8)]
        sheet.polygon(((0, floor), *curve, (0, high)), second)
    elif style['figure'] == 'stripe':
        sheet.box(0, length, floor + 0.25, floor + 0.7, second)
    elif style['figure'] == 'disc':
        sheet.disc(length * 0.5, (floor + high) / 2, 0.42 * (high - floor), second)
    elif style['figure'] == 'picture':
        sheet.box(0.3, length - 0.3, floor + 0.25, high - 0.25, soften(second, 0.8))
        sheet.disc(length * 0.2, floor + 0.9, 0.5, soften(second, 1.3))


def _body_front(model, section, rng):
    wide, high, floor = section.width, section.height, _floor(section)
    sheet = Sheet(wide, high, soften(model.colours[0], 0.95))
    twin_wheels(sheet, 0.06, wide - 0.06, 0.5, 0.7)
    sheet.solid(0, wide, floor, high, soften(model.colours[0], 0.95))
    sheet.box(0, wide, high - 0.08, high, (170, 172, 174))
    for x in (0.0, wide - 0.07):
        sheet.box(x, x + 0.07, floor, high, (176, 178, 180))
    if rng.random() < 0.3:  # the cooling unit
        sheet.box(wide / 2 - 0.7, wide / 2 + 0.7, high - 0.8, high - 0.15, (206, 208, 210))
        sheet.box(wide / 2 - 0.6, wide / 2 + 0.6, high - 0.6, high - 0.3, (70, 72, 76))
    return sheet.finish(rng, 0.2)


def _body_rear(model, section, rng):
    style, body = _style(model), model.colours[0]
    wide, high, floor = section.width, section.height, _floor(section)
    middle = wide / 2
    sheet = Sheet(wide, high, body)
    twin_wheels(sheet, 0.06, wide - 0.06, 0.5, 0.75)
    sheet.solid(0.25, wide - 0.25, 0.5, floor, CHASSIS)
    sheet.solid(0, wide, floor, high, body)
    if rng.random() < 0.5:
        sheet.box(0.1, wide - 0.1, floor + 0.1, high - 0.5, soften(body, 0.93))
    sheet.text(style['words'], 0.4, wide - 0.4, high - 0.75, high - 0.35,
               model.colours[2] if model.colours[2] != body else (40, 42, 46))
    if style['tarpaulin'] and rng.random() < 0.5:
        for y in np.arange(floor + 0.3, high - 0.2, 0.5):
            sheet.box(0.05, wide - 0.05, y, y + 0.03, soften(body, 0.8))
    else:
        sheet.box(middle - 0.015, middle + 0.015, floor, high, (40, 41, 43))
        for x in (0.3, 0.75, wide - 0.75, wide - 0.3):  # bars of the doors
            sheet.box(x - 0.02, x + 0.02, floor + 0.04, high - 0.05, (150, 152, 155))
            sheet.box(x - 0.05, x + 0.05, floor + 0.5, floor + 0.58, (84, 86, 90))
    for x in (0.0, wide - 0.08):
        sheet.box(x, x + 0.08, floor, high, (170, 172, 174))
    sheet.box(0, wide, high - 0.1, high, (170, 172, 174))
    sheet.box(0, wide, floor - 0.06, floor + 0.1, (96, 98, 100))
    if rng.random() < 0.6:
        _boards(sheet, wide, floor)
    for x in (0.12, wide - 0.12):
        sheet.box(x - 0.05, x + 0.05, high - 0.07, high - 0.02, (170, 30, 28))
    _rear_lamps(sheet, rng, wide)
    return sheet.finish(rng, style['dirt'])


def _boards(sheet, wide, floor):
    """Paint the warning boards, hatched red and white."""
    for x in (0.14, wide - 0.42):
        sheet.box(x, x + 0.28, floor + 0.2, floor + 0.78, (234, 232, 228))
        for step in range(3):
            y = floor + 0.2 + step * 0.2
            ends = (0.0, 0.12) if x < 1 else (0.12, 0.0)
            sheet.polygon(((x, y + ends[0]), (x + 0.28, y + ends[1]),
                           (x + 0.28, y + ends[1] + 0.08), (x, y + ends[0] + 0.08)),
                          (206, 40, 34))


def _rear_lamps(sheet, rng, wide):
    sheet.solid(0.1, wide - 0.1, 0.46, 0.58, (60, 61, 63))  # the bar against running under
    for x in (0.3, wide - 0.3):
        sheet.solid(x - 0.24, x + 0.24, 0.6, 0.8, (26, 26, 27))
        out = -1 if x < wide / 2 else 1
        lamp(sheet, x, 0.70, 0.14, 0.12, (190, 26, 24))
        lamp(sheet, x + out * 0.15, 0.70, 0.12, 0.12, (226, 140, 40))
        lamp(sheet, x - out * 0.15, 0.70, 0.1, 0.12, (200, 190, 184))
    plate(sheet, rng, wide / 2, 0.66)
