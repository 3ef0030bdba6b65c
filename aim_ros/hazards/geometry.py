"""Where a hazard stands: on flat ground seen by a calibrated camera, and in the ego corridor."""

from dataclasses import dataclass
import math

import numpy as np

from aim_ros.hazards.boxes import as_array
from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import edges
from aim_ros.hazards.table import mapped

_FOOT_NOISE_PIXELS, _FOOT_NOISE_SHARE = 0.7, 0.02
"""Standard deviation of where a box ends: pixels, and of its side in that direction a share."""


@dataclass(frozen=True)
class GroundPosition:
    """
    A place on flat ground, from below the camera, with the standard deviations of a pixel's noise.

    :param x: forward, metres; infinite at or above the horizon.
    :param y: to the left (REP 103), metres; NaN where `x` is infinite.
    :param x_error: standard deviation of `x`, metres; infinite where `x` is.
    :param y_error: that of `y`.
    """

    x: float
    y: float
    x_error: float
    y_error: float


@dataclass(frozen=True)
class GroundCamera:
    """
    A pinhole camera above a flat road.

    Its ground frame has x forward and y to the left (REP 103), on the road below the camera.

    :param fx, fy, cx, cy: intrinsics in pixels; pixel centres have integer coordinates.
    :param height: of the optical centre above the road, metres, > 0.
    :param pitch: downward tilt of the optical axis, radians; positive looks down.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    height: float
    pitch: float = 0.0

    def locate(self, box: Box) -> tuple[float, float]:
        """Return what `locate_all` says of one box."""
        (distance,), (bearing,) = self.locate_all(as_array([box]))
        return float(distance), float(bearing)

    def locate_all(self, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return the (distance, bearing) of the middle of each box's lower edge.

        :param boxes: (n, 4).
        :return: distances along the vehicle's forward axis, metres, infinite at or above the
            horizon; bearings in degrees, positive to the left (REP 103); each (n,).
        """
        x, y, width, height = boxes.T
        across = (x + width / 2 - 0.5 - self.cx) / self.fx
        forward, drop = self._ray(y + height)
        distance = np.full(len(across), np.inf)
        np.divide(self.height * forward, drop, out=distance, where=drop > 0)
        return distance, np.degrees(mapped(math.atan2, -across, forward))

    def heights(self, boxes: np.ndarray, tilt: float) -> tuple[np.ndarray, np.ndarray]:
        """
        Return how tall things are at least and at most that stand where their boxes end.

        On flat ground a thing is ``height * span / drop`` tall: what its box spans of the
        vertical, over how far below the horizon its foot is seen, as tangents. Of somebody whose
        legs are hidden this is nearly the whole height, as `drop` shrinks with the span.

        :param boxes: (n, 4).
        :param tilt: by how much the ground's slope and the camera's pitch may differ from what is
            assumed, radians, to first order.
        :return: metres, each (n,); infinite where the foot may be at or above the horizon.
        """
        (above, top), (ahead, foot) = self._ray(boxes[:, 1]), self._ray(boxes[:, 1] + boxes[:, 3])
        with np.errstate(divide='ignore', invalid='ignore'):
            drop = foot / ahead
            span = self.height * (drop - top / above)
            least, most = span / (drop + tilt), span / (drop - tilt)
        return np.where(drop > -tilt, least, np.inf), np.where(drop > tilt, most, np.inf)

    @property
    def horizon_row(self) -> float:
        """How many rows lie above the horizon of flat ground, straight ahead."""
        return self.cy + 0.5 - self.fy * math.tan(self.pitch)

    def drops(self, boxes: np.ndarray, pitched: float = 0.0) -> np.ndarray:
        """
        Return how far below the horizon boxes end, which grows as their distances shrink.

        :param boxes: (n, 4).
        :param pitched: rows by which the horizon lies lower than the mount says, as the camera
            pitches up.
        :return: the tangent times `fy`, pixels; below 0 above the horizon, infinite from straight
            down on, (n,).
        """
        forward, drop = self._ray(boxes[:, 1] + boxes[:, 3] - pitched)
        tangent = np.full(len(boxes), np.inf)
        np.divide(drop, forward, out=tangent, where=forward > 0)
        return self.fy * tangent

    def place(self, box: Box) -> GroundPosition:
        """
        Return where on the ground the middle of a box's lower edge stands, and how sure that is.

        The errors are those of the foot's pixel alone: first order, for a box whose edges are
        uncertain by 0.7 pixels and 2 % of its sides, and ground that is flat.
        """
        forward, drop = self._ray(box[1] + box[3])
        if drop <= 0:
            return GroundPosition(math.inf, math.nan, math.inf, math.nan)
        across = (box[0] + box[2] / 2 - 0.5 - self.cx) / self.fx
        # Along the optical axis; the ray reaches the ground there.
        depth = self.height / drop
        column_noise = (_FOOT_NOISE_PIXELS + _FOOT_NOISE_SHARE * box[2]) / self.fx
        row_noise = (_FOOT_NOISE_PIXELS + _FOOT_NOISE_SHARE * box[3]) / self.fy
        return GroundPosition(
            x=depth * forward,
            y=-across * depth,
            # The derivative of forward / drop, whose numerator is 1 whatever the pitch.
            x_error=depth / drop * row_noise,
            y_error=math.hypot(
                depth * column_noise,
                across * depth / drop * math.cos(self.pitch) * row_noise))

    def on_ground(self, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Return where the ground is seen in columns, above the lower edges of rows.

        :param columns: of pixel centres, any shape.
        :param rows: as `distance` takes them, of a shape that goes with it.
        :return: forward and to the left, metres, float64; infinite and NaN above the horizon.
        """
        forward, drop = self._ray(rows)
        with np.errstate(divide='ignore'):
            depth = np.where(drop > 0, self.height / drop, np.inf)
        below = np.isfinite(depth)
        left = (self.cx - columns) / self.fx * np.where(below, depth, np.nan)
        return np.where(below, depth * forward, np.inf), left

    def column_of(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """
        Return the columns that points on the ground are seen in, NaN behind the camera.

        :param x: forward, metres; `y` to the left.
        """
        depth = x * math.cos(self.pitch) + self.height * math.sin(self.pitch)
        with np.errstate(divide='ignore', invalid='ignore'):
            return np.where(depth > 0, self.cx - self.fx * y / depth, np.nan)

    def distance(self, row: float) -> float:
        """
        Return how far ahead the ground is seen that ends above the lower edge of a row.

        :param row: in pixels from the image's upper edge, 0 for that edge itself.
        :return: along the vehicle's forward axis, metres; infinite at or above the horizon.
        """
        forward, drop = self._ray(row)
        return self.height * forward / drop if drop > 0 else math.inf

    def _ray(self, row: float | np.ndarray) -> tuple[float, float] | tuple[np.ndarray, np.ndarray]:
        """Return how far ahead and down the ray above the lower edge of a row goes."""
        down = (row - 0.5 - self.cy) / self.fy
        sine, cosine = math.sin(self.pitch), math.cos(self.pitch)
        return cosine - down * sine, down * cosine + sine


@dataclass(frozen=True)
class Corridor:
    """
    The ego corridor: a trapezoid in image coordinates normalised to 0..1.

    :param top_row: row of its upper edge.
    :param top_width: width of its upper edge.
    :param bottom_width: width at the image's lower edge, >= `top_width`.
    :param center: column of its axis.
    """

    top_row: float = 0.55
    top_width: float = 0.10
    bottom_width: float = 0.50
    center: float = 0.50

    def contains_foot(self, box: Box, size: tuple[int, int]) -> bool:
        """Whether `contain_feet` says so of one box."""
        return bool(self.contain_feet(as_array([box]), size)[0])

    def contain_feet(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """
        Return of which boxes any part of the lower edge lies in the corridor.

        A box that is grown downwards or sideways never leaves it.

        :param boxes: (n, 4).
        :param size: (height, width) of the image.
        :return: bool (n,).
        """
        height, width = size
        left, _, right, bottom = edges(boxes)
        row = bottom / height
        depth = (row - self.top_row) / (1 - self.top_row) if self.top_row < 1 else 1.0
        half = (self.top_width + depth * (self.bottom_width - self.top_width)) / 2
        return ((row >= self.top_row) & (left / width <= self.center + half)
                & (right / width >= self.center - half))
