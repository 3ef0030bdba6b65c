"""
How a camera pitches, from its images.

Who brakes, or crosses a bump, tilts the camera, and everything in the image moves by the same
rows: from frame to frame by 1 to 3 pixels on KITTI's drives, as much as the foot of somebody
30 m away in half a second in which he comes 4 m nearer. What is seen about the horizon is far
away, and moves by little else. So the rows by which that strip of the image moved, found by phase
correlation (Kuglin and Hines, "The phase correlation image alignment method", 1975), tell by how
much the camera pitched. Tracks are predicted with it, and feet are measured from where the horizon
is.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from aim_ros.hazards.colours import Picture
from aim_ros.hazards.contact import Feet
from aim_ros.hazards.geometry import GroundCamera

_STRIP = (64, 320)
"""Rows and columns to which the strip is reduced."""

_REACH = 0.044
"""How far it reaches above and below the horizon, radians: 32 rows of KITTI's."""

_MIN_ROWS = 16
"""An image that has fewer rows there shows no horizon."""

_MIN_RESPONSE = 0.2
"""Two strips that have less in common do not show the same: unrelated frames of KITTI's drives
reach 0.17, those that follow each other 0.29 or more."""

_MIN_CONTRAST = 8.0
"""Standard deviation of a strip's grey levels, of 256: where there is less, as in fog, a sensor's
noise, which does not move, is as strong. On KITTI's drives it is 30 or more."""

_STILL = 2.0
"""Seconds over which what does not move in a strip is told from what does."""

_HELD, _AGREED = 1.5, 1.0
"""Rows of a strip: one that seems to move by less than the first, but by more than the second
farther without what stands still in it, is held by that: a drop on the pane, or a text."""

_FASTEST, _FARTHEST = 0.3, 0.05
"""Radians a second, and radians: no car pitches faster, nor farther."""

_MAX_INTERVAL = 0.35
"""Seconds between two frames that can be compared: then other things are seen."""

_STEADY = 10.0
"""Seconds over which a movement in one direction is no pitch: what passes by below and above the
horizon moves too, and a little more of it is below."""

_SETTLED = 3.0
"""Seconds of movement that are needed to tell how much that is."""

_RETURN = 10.0
"""Seconds after which 1 / e of a pitch is left: cars do not stay tilted."""

_TILT = 0.007
"""By how much the ground there may differ from flat ground on the mount's terms, radians."""

_DRIFT = 0.002
"""By how much a pitch that was followed may be wrong after a second, radians: 0.4 to 1.1 pixels
after 0.6 s on KITTI's drives, and on the street where it pitches by 0.3 degrees."""


class PitchedCamera(NamedTuple):
    """
    A camera in one frame.

    :param camera: as it is mounted.
    :param rows: by how many the horizon lies lower in this frame.
    :param epoch: only within one is it known how it moved from frame to frame.
    """

    camera: GroundCamera
    rows: float
    epoch: int

    def lower_than(self, before: 'PitchedCamera | None') -> float:
        """Return by how many rows the horizon is lower than in a frame before; 0 if unknown."""
        return self.rows - before.rows if before and before.epoch == self.epoch else 0.0

    def feet(self, boxes: np.ndarray) -> Feet:
        """Return where boxes (n, 4) stand."""
        return Feet(self.camera.drops(boxes, self.rows), _TILT * self.camera.fy,
                    _DRIFT * self.camera.fy, self.epoch)


class PitchMeter:
    """Watches the horizon of one camera."""

    def __init__(self):
        self._strip: np.ndarray | None = None
        self._still: np.ndarray | None = None
        self._compared_s = 0.0
        self._where: tuple[int, int, int, int] | None = None
        self._last_ns = 0
        self._epoch = 0
        # In radians, so that they hold for images of any size.
        self._pitch = self._steady_rate = 0.0
        self._watched_s = 0.0

    def advance(self, camera: GroundCamera | None, picture: Picture | None, now_ns: int
                ) -> PitchedCamera | None:
        """
        Take in a frame.

        :param camera: its calibration.
        :param picture: its image.
        :param now_ns: its time, not before that of the last one.
        :return: None where camera or picture are not at hand, or no horizon lies in it. Where the
            frame shows nothing alike the last one, or the camera cannot have pitched as it seems
            to, a new epoch begins, with the horizon where the mount says.
        """
        where = None
        if camera is not None and picture is not None:
            where = _strip_of(camera, picture.image.shape[:2])
        if where is None:
            self._strip = None
            return None
        strip = _reduced(picture, where)
        interval = (now_ns - self._last_ns) / 1e9
        follows = (self._strip is not None and where == self._where
                   and interval <= _MAX_INTERVAL)
        if not follows:
            self._still, self._compared_s = strip.copy(), 0.0
        if not follows or not self._follow(strip, interval, camera.fy):
            self._epoch += 1
            self._pitch = 0.0
        self._strip, self._where, self._last_ns = strip, where, now_ns
        return PitchedCamera(camera, self._pitch * camera.fy, self._epoch)

    def _follow(self, strip: np.ndarray, interval: float, focal: float) -> bool:
        """Take in the next strip, and return whether it shows the same as the last one."""
        first, last, _, _ = self._where
        moved = _rows_moved(self._strip, strip)
        held = abs(moved) < _HELD and abs(
            _rows_moved(self._strip - self._still, strip - self._still)) > abs(moved) + _AGREED
        if interval > 0:
            self._compared_s = min(self._compared_s + interval, _STILL)
            cv2.accumulateWeighted(
                strip, self._still, interval / (self._compared_s + interval))
        # Where nothing moves at all, nothing is left without what stands still: NaN.
        if math.isnan(moved) or held:
            return False
        moved *= (last - first) / _STRIP[0] / focal
        if abs(moved) > _FASTEST * max(interval, 0.1):
            return False
        self._move(moved, interval)
        return abs(self._pitch) <= _FARTHEST

    def _move(self, moved: float, interval: float) -> None:
        """Take in by how many radians the camera pitched up in some seconds."""
        self._watched_s = min(self._watched_s + interval, _STEADY)
        change = moved - self._steady_rate * interval
        self._steady_rate += change / max(self._watched_s, _SETTLED)
        self._pitch = (self._pitch + moved - self._steady_rate * interval) * math.exp(
            -interval / _RETURN)


def _strip_of(camera: GroundCamera, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return rows from and to, height and width, of the image about the horizon; None without."""
    height, width = size
    horizon, half = camera.horizon_row, _REACH * camera.fy
    if not math.isfinite(horizon + half):
        return None
    first, last = max(round(horizon - half), 0), min(round(horizon + half), height)
    return (first, last, height, width) if last - first >= _MIN_ROWS else None


def _reduced(picture: Picture, where: tuple[int, int, int, int]) -> np.ndarray:
    """Return the green of a strip of an image less its mean, float32 `_STRIP`, fading out."""
    first, last, _, width = where
    every = max(width // (2 * _STRIP[1]), 1)
    green = np.ascontiguousarray(picture.image[first:last, ::every, picture.channels[1]])
    strip = cv2.resize(green, _STRIP[::-1], interpolation=cv2.INTER_AREA)
    ((mean,),), ((contrast,),) = cv2.meanStdDev(strip)
    # A strip of zeros has nothing in common with any.
    return (strip - np.float32(mean)) * _WINDOW if contrast >= _MIN_CONTRAST else np.zeros(
        _STRIP, np.float32)


def _rows_moved(before: np.ndarray, after: np.ndarray) -> float:
    """Return by how many rows a strip moved down; NaN where that cannot be told."""
    # Given a window, it would multiply the strips by it in place.
    (_, rows), response = cv2.phaseCorrelate(before, after)
    return rows if response >= _MIN_RESPONSE else math.nan


_WINDOW = cv2.createHanningWindow(_STRIP[::-1], cv2.CV_32F)
