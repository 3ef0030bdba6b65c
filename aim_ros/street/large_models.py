"""The kinds of large vehicles, their sizes, sections and liveries."""

from dataclasses import dataclass

import numpy as np

from aim_ros.street.sheet import Colour

TRUCK, BUS, TRAIN = 14, 15, 16

_CLEAR = {'bus': 0.27, 'tram': 0.14, 'cab': 0.36, 'bonnet': 0.28, 'body': 0.46, 'flatbed': 0.46}
"""Metres below the ends of a section, where wheels are seen that stand farther back."""


@dataclass(frozen=True)
class Section:
    """
    A box of a vehicle: a cab, a body, a trailer.

    :param shape: names what is painted on it, a key of `large_faces.PAINTERS`.
    :param nose: metres from the vehicle's nose to the front of the box.
    :param tail: metres from the vehicle's nose to its rear.
    :param width: metres.
    :param height: metres above the ground.
    :param axles: metres from the front of the box to each wheel.
    :param rake: metres by which the upper end of the front lies behind the lower one.
    :param raked_tail: whether the rear leans as the front does.
    """

    shape: str
    nose: float
    tail: float
    width: float
    height: float
    axles: tuple[float, ...] = ()
    rake: float = 0.0
    raked_tail: bool = False

    @property
    def length(self) -> float:
        """Metres from front to rear."""
        return self.tail - self.nose

    @property
    def rise(self) -> float:
        """Metres by which what is on it (a load, a cooling unit, a pantograph) may be higher."""
        return {'bus': 0.3, 'tram': 1.5, 'flatbed': 0.6}.get(self.shape, 0.0)

    def outline(self, front: bool) -> tuple[tuple[float, float], ...]:
        """Return the outline of an end from below: metres up, and metres back from the end."""
        top, clear = self.height + self.rise, _CLEAR[self.shape]
        if front and self.shape == 'bonnet':
            return (clear, 0.0), (0.9, 0.0), (1.14, 0.1), (1.36, 0.72), (top, 1.42)
        return (clear, 0.0), (top, self.rake if front or self.raked_tail else 0.0)

    def wheels_back(self, front: bool) -> float:
        """Return how far behind an end its wheels are, in metres."""
        if not self.axles:
            return 0.0
        return max((self.axles[0] if front else self.length - self.axles[-1]) - 0.45, 0.0)

    @property
    def mirrors(self) -> float:
        """Metres by which its mirrors stand out, to each side of its front."""
        return 0.3 if self.shape in ('bus', 'cab', 'bonnet') else 0.0


@dataclass(frozen=True)
class LargeModel:
    """
    A bus, truck or train.

    :param kind: bus, truck or train.
    :param label: the train id of its class.
    :param sections: from its nose to its tail.
    :param colours: of the body, of a second part of it, and of what is written on it.
    :param seed: draws the details.
    """

    kind: str
    label: int
    sections: tuple[Section, ...]
    colours: tuple[Colour, Colour, Colour]
    seed: int

    @property
    def length(self) -> float:
        """Metres from nose to tail."""
        return self.sections[-1].tail

    @property
    def width(self) -> float:
        """Metres of the widest section."""
        return max(section.width for section in self.sections)

    @property
    def height(self) -> float:
        """Metres of the highest section."""
        return max(section.height for section in self.sections)


_WHITE, _DARK = (228, 230, 230), (40, 42, 46)
_BUS_COLOURS = (
    ((196, 34, 32), _WHITE, _WHITE), ((226, 228, 226), (196, 40, 40), (60, 64, 70)),
    ((238, 190, 36), (60, 62, 66), _DARK), ((40, 84, 150), _WHITE, _WHITE),
    ((50, 124, 70), (226, 226, 210), _WHITE), ((228, 226, 214), (40, 96, 160), (40, 60, 110)),
    ((216, 96, 30), (236, 236, 230), _WHITE), ((118, 124, 130), (190, 40, 44), _WHITE),
    ((222, 216, 190), (130, 36, 40), (110, 30, 34)), ((96, 156, 196), _WHITE, _WHITE),
)
_TRUCK_COLOURS = (
    (_WHITE, (206, 78, 30), (196, 70, 28)), (_WHITE, (40, 70, 130), (40, 70, 130)),
    ((236, 196, 40), (236, 196, 40), (190, 36, 30)), ((190, 36, 34), _WHITE, _WHITE),
    ((60, 110, 72), (222, 224, 220), (240, 240, 230)), ((206, 208, 210), (90, 94, 100), _DARK),
    ((44, 74, 128), (44, 74, 128), (236, 236, 226)), ((116, 74, 44), (92, 58, 36), (236, 190, 60)),
    (_WHITE, _WHITE, (30, 110, 90)), ((72, 76, 82), (226, 226, 222), (200, 40, 40)),
)
_TRAM_COLOURS = (
    ((238, 188, 30), (44, 46, 50), _DARK), ((200, 36, 36), (232, 230, 222), _WHITE),
    ((228, 228, 222), (44, 96, 150), (40, 60, 110)),
    ((228, 230, 228), (60, 140, 76), (40, 90, 50)),
    ((236, 206, 120), (180, 50, 40), _DARK),
)


def draw_bus(rng: np.random.Generator) -> LargeModel:
    """Draw a city bus, a third of them articulated."""
    length = 18.0 if rng.random() < 0.33 else rng.uniform(10.6, 12.2)
    axles = (2.7, 8.6, 14.6) if length > 15 else (2.65, length - 3.3)
    body = Section('bus', 0.0, length, 2.55, rng.uniform(2.95, 3.15), axles,
                   rng.uniform(0.03, 0.2))
    return LargeModel('bus', BUS, (body,), _pick(rng, _BUS_COLOURS), _seed(rng))


def draw_tram(rng: np.random.Generator) -> LargeModel:
    """Draw a tram of three to five parts."""
    length, rake = rng.uniform(26.0, 32.0), rng.uniform(0.35, 0.8)
    body = Section('tram', 0.0, length, 2.4, rng.uniform(3.3, 3.5), (), rake, raked_tail=True)
    return LargeModel('train', TRAIN, (body,), _pick(rng, _TRAM_COLOURS), _seed(rng))


def draw_truck(rng: np.random.Generator) -> LargeModel:
    """Draw a truck: for deliveries, with a box, a flatbed or a trailer, or articulated."""
    kind = rng.choice(('delivery', 'box', 'flatbed', 'trailer', 'semi'),
                      p=(0.3, 0.32, 0.14, 0.1, 0.14))
    high = rng.uniform(3.3, 3.8)
    if kind == 'delivery':
        length, wide = rng.uniform(6.4, 7.4), rng.uniform(2.05, 2.25)
        sections = (Section('bonnet', 0.0, 2.35, 2.0, rng.uniform(2.25, 2.4), (0.95,), 0.0),
                    Section('body', 2.4, length, wide, rng.uniform(2.9, 3.3), (length - 4.0,)))
    elif kind == 'flatbed':
        length = rng.uniform(6.5, 8.5)
        sections = (Section('cab', 0.0, 1.9, 2.3, rng.uniform(2.5, 2.8), (1.2,), 0.12),
                    Section('flatbed', 2.0, length, 2.4, rng.uniform(1.35, 1.7), (length - 3.9,)))
    elif kind == 'semi':
        sections = (Section('cab', 0.0, 2.3, 2.5, high - 0.15, (1.4,), 0.1),
                    Section('body', 2.9, 16.0, 2.55, high, (1.3, 8.6, 9.9, 11.2)))
    else:
        length = rng.uniform(7.2, 9.4)
        cab = Section('cab', 0.0, 1.9, 2.4, rng.uniform(2.6, 3.0), (1.25,), 0.12)
        sections = (cab, Section('body', 2.05, length, 2.5, high, (length - 4.2,)))
        if kind == 'trailer':
            end = length + rng.uniform(6.5, 7.5)
            trailer = Section('body', length + 1.3, end, 2.5, high, (1.2, end - length - 3.3))
            sections = (*sections, trailer)
    return LargeModel('truck', TRUCK, sections, _pick(rng, _TRUCK_COLOURS), _seed(rng))


def draw_large(rng: np.random.Generator, rails: bool, shares: tuple[float, float]) -> LargeModel:
    """
    Draw a bus or, with rails, a tram, at these shares; otherwise a truck.

    :param rails: whether there may be trams.
    :param shares: of buses and of trams, 0..1.
    """
    bus, tram = shares
    number = rng.random()
    if rails and number < tram:
        return draw_tram(rng)
    return draw_bus(rng) if number < tram + bus else draw_truck(rng)


def _pick(rng, choices):
    return choices[rng.integers(len(choices))]


def _seed(rng):
    return int(rng.integers(2**31))
