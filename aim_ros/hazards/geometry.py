"""Where a hazard stands: on flat ground seen by a calibrated camera, and in the ego corridor."""

from dataclasses import dataclass
import math

from aim_ros.hazards.boxes import Box


@dataclass(frozen=True)
class GroundCamera:
    """
    A pinhole camera above a flat road.

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
        """
        Return the (distance, bearing) of the middle of a box's lower edge.

        :return: distance along the vehicle's forward axis, metres, infinite at or above the
            horizon; bearing in degrees, positive to the left (REP 103).
        """
        across = (box[0] + box[2] / 2 - 0.5 - self.cx) / self.fx
        forward, _ = self._ray(box[1] + box[3])
        bearing = math.degrees(math.atan2(-across, forward))
        return self.distance(box[1] + box[3]), bearing

    def distance(self, row: float) -> float:
        """
        Return how far ahead the ground is seen that ends above the lower edge of a row.

        :param row: in pixels from the image's upper edge, 0 for that edge itself.
        :return: along the vehicle's forward axis, metres; infinite at or above the horizon.
        """
        forward, drop = self._ray(row)
        return self.height * forward / drop if drop > 0 else math.inf

    def _ray(self, row: float) -> tuple[float, float]:
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
        """
        Whether any part of a box's lower edge lies in the corridor.

        A box that is grown downwards or sideways never leaves it.

        :param size: (height, width) of the image.
        """
        height, width = size
        row = (box[1] + box[3]) / height
        if row < self.top_row:
            return False
        depth = (row - self.top_row) / (1 - self.top_row) if self.top_row < 1 else 1.0
        half = (self.top_width + depth * (self.bottom_width - self.top_width)) / 2
        return (box[0] / width <= self.center + half
                and (box[0] + box[2]) / width >= self.center - half)
