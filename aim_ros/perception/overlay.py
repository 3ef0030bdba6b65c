"""Pictures for people: the mask over the camera image, with the alerts drawn in."""

from collections.abc import Sequence
import math
from typing import NamedTuple

import cv2
import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.segmentation.labels import LabelSet

_LEVEL_COLORS = {Level.WARN: (255, 190, 0), Level.ERROR: (255, 40, 40)}
_DASH = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SCALE = 0.45
_DROP = 4  # pixels at least that are kept below the line for letters that reach there


class OverlayAnnotator:
    """
    Draws masks and alerts of one label set.

    :param labels: the classes, for their colours.
    :param opacity: of the mask over the image, 0..1.
    """

    def __init__(self, labels: LabelSet, opacity: float = 0.5):
        self._palette = np.array(labels.colors, np.uint8)
        self._opacity = opacity

    def annotate(self, image: np.ndarray, mask: np.ndarray, alerts: Sequence[Alert] = ()
                 ) -> np.ndarray:
        """
        Return a new picture with the coloured mask blended in and a box around each alert.

        A box of dashes is a prediction; a star marks what only the modulation sees.

        :param image: RGB uint8 (H, W, 3).
        :param mask: class ids (H, W).
        :return: RGB uint8 (H, W, 3).
        """
        picture = cv2.addWeighted(
            image, 1 - self._opacity, self._palette[mask], self._opacity, 0)
        labels: list[_Rectangle] = []
        # The most urgent one's text has its place first, and lies on top of the others' boxes.
        for alert in alerts:
            _outline(picture, alert)
        for alert in sorted(alerts, key=lambda alert: -alert.level):
            text = _text_of(alert)
            size, drop = _size_of(text)
            place = _free_place(size, alert.box, picture.shape, labels)
            labels.append(place)
            write(picture, text, (place.x, place.y + place.height - drop),
                  _LEVEL_COLORS[alert.level])
        return picture


class _Rectangle(NamedTuple):
    """Pixels that a text covers."""

    x: int
    y: int
    width: int
    height: int

    def meets(self, other: '_Rectangle') -> bool:
        return (self.x < other.x + other.width and other.x < self.x + self.width
                and self.y < other.y + other.height and other.y < self.y + self.height)


def _outline(picture: np.ndarray, alert: Alert) -> None:
    """Draw the box; broken where the road user is predicted, not seen."""
    x, y, width, height = alert.box
    color = _LEVEL_COLORS[alert.level]
    corners = (x, y), (x + width - 1, y + height - 1)
    if alert.coasting:
        _broken_rectangle(picture, *corners, color)
    else:
        cv2.rectangle(picture, *corners, color, 2)


def _text_of(alert: Alert) -> str:
    text = f'{alert.kind}{"*" if alert.emphasised else ""} {alert.track_id}'
    if math.isfinite(alert.distance_m):
        text += f' {alert.distance_m:.0f} m'
    if math.isfinite(alert.ttc_s):
        text += f' {alert.ttc_s:.1f} s'
    return text


def _size_of(text: str) -> tuple[tuple[int, int], int]:
    """Return a text's (width, height) with its ground, and what of it is below the line."""
    # Fonts differ between OpenCV 4 and 5.
    (width, height), drop = cv2.getTextSize(text, _FONT, _SCALE, 1)
    return (width + 2, height + drop + 1), max(drop, _DROP)


def _free_place(size: tuple[int, int], box: tuple[int, int, int, int], shape: tuple[int, ...],
                taken: Sequence[_Rectangle]) -> _Rectangle:
    """
    Return where a text of this size goes: above its box, else near it where no other text lies.

    :param box: x, y, width, height of what the text belongs to.
    :param shape: of the picture, height first.
    """
    width, height = size
    x = max(0, min(box[0], shape[1] - width))
    above, below = box[1] - height, box[1] + box[3] + 1
    beside = sorted((y for other in taken for y in (other.y - height, other.y + other.height)),
                    key=lambda y: abs(y - above))
    places = [_Rectangle(x, max(0, min(y, shape[0] - height)), width, height)
              for y in (above, below, *beside)]
    return next((place for place in places if not any(map(place.meets, taken))), places[0])


def _broken_rectangle(picture: np.ndarray, low: tuple[int, int], high: tuple[int, int], color
                      ) -> None:
    """Draw a rectangle of dashes."""
    for x in range(low[0], high[0] + 1, 2 * _DASH):
        for y in (low[1], high[1]):
            cv2.line(picture, (x, y), (min(x + _DASH, high[0]), y), color, 1)
    for y in range(low[1], high[1] + 1, 2 * _DASH):
        for x in (low[0], high[0]):
            cv2.line(picture, (x, y), (x, min(y + _DASH, high[1])), color, 1)


def write(picture: np.ndarray, text: str, origin: tuple[int, int], color=(255, 255, 255),
          scale: float = _SCALE) -> None:
    """
    Write a line of text on a dark ground, so that it reads on any picture.

    :param picture: uint8 (H, W, 3), changed in place.
    :param origin: (x, y) of the text's lower left corner.
    """
    x, y = origin
    (width, height), drop = cv2.getTextSize(text, _FONT, scale, 1)
    ground = picture[max(y - height - 1, 0):y + drop, max(x - 1, 0):x + width + 1]
    ground[:] = ground // 3
    cv2.putText(picture, text, origin, _FONT, scale, color, 1, cv2.LINE_AA)
