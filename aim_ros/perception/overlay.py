"""Pictures for people: the mask over the camera image, with the alerts drawn in."""

from collections.abc import Sequence
import math

import cv2
import numpy as np

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.alerts import Level
from aim_ros.segmentation.labels import LabelSet

_LEVEL_COLORS = {Level.WARN: (255, 190, 0), Level.ERROR: (255, 40, 40)}
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class OverlayAnnotator:
    """
    Draws masks and alerts of one label set.

    :param labels: the classes, for colours and names.
    :param opacity: of the mask over the image, 0..1.
    """

    def __init__(self, labels: LabelSet, opacity: float = 0.5):
        self._labels = labels
        self._palette = np.array(labels.colors, np.uint8)
        self._opacity = opacity

    def annotate(self, image: np.ndarray, mask: np.ndarray, alerts: Sequence[Alert] = ()
                 ) -> np.ndarray:
        """
        Return a new picture with the coloured mask blended in and a box around each alert.

        :param image: RGB uint8 (H, W, 3).
        :param mask: class ids (H, W).
        :return: RGB uint8 (H, W, 3).
        """
        picture = cv2.addWeighted(
            image, 1 - self._opacity, self._palette[mask], self._opacity, 0)
        for alert in alerts:
            self._draw(picture, alert)
        return picture

    def _draw(self, picture: np.ndarray, alert: Alert) -> None:
        x, y, width, height = alert.region.box
        color = _LEVEL_COLORS[alert.level]
        cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), color, 2)
        text = f'{self._labels.names[alert.region.class_id]} {alert.track_id}'
        if math.isfinite(alert.distance_m):
            text += f' {alert.distance_m:.0f} m'
        write(picture, text, (x, max(y - 4, 12)), color)


def write(picture: np.ndarray, text: str, origin: tuple[int, int], color=(255, 255, 255),
          scale: float = 0.45) -> None:
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
