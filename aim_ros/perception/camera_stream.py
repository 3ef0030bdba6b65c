"""The images of one camera in the order in which they come, live or from a recording."""

from dataclasses import replace
import math
from typing import Any

import numpy as np

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.camera_info import camera_of_image
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.perception.stamp_clock import StampClock

_Data = bytes | memoryview | np.ndarray  # or an array of the standard library


_LEAST_CONTRAST = 20
"""Between the least and the largest value of an image that shows something, of 255."""

_SAMPLE = 4099
"""Of so many bytes one is looked at first."""


class CameraStream:
    """Refuses images that are repeated, and says by which time each frame is tracked."""

    def __init__(self):
        self._clock = StampClock()
        self._last: tuple[int, _Data] | None = None
        self.unchanged = 0
        """How many images in a row were the one before, byte for byte, whatever their stamps."""
        self.values = 0, 255
        """The least and the largest value of the last frame."""
        self._shown_ns: int | None = None
        self._last_ns = 0

    @property
    def blank_s(self) -> float:
        """For how long the frames have shown next to nothing, seconds; 0 if they do."""
        return 0.0 if self._shown_ns is None else (self._last_ns - self._shown_ns) * 1e-9

    def check(self, stamp_ns: int, data: _Data) -> None:
        """
        Take in an image, as its message has it; to be called once for each, as they come.

        :raises FrameError: it is the last one again: whoever repeats an image is blind, however
            often. Without a stamp, nobody can tell.
        """
        last, self._last = self._last, (stamp_ns, data)
        if last is None or not _same(data, last[1]):
            self.unchanged = 0
            return
        self.unchanged += 1
        if stamp_ns == last[0] != 0:
            raise FrameError('the last image arrives again, with the same stamp and the same data')

    def timed(self, frame: Frame, received_ns: int, clear_after: float) -> Frame:
        """
        Return a frame with the time by which it is tracked.

        :param received_ns: when it was received or recorded, nanoseconds of a clock that does not
            jump.
        :param clear_after: seconds by which a stamp steps back at least where the stream starts
            afresh.
        """
        self.values, self._last_ns = frame.value_range(), received_ns
        if self._shown_ns is None or self.values[1] - self.values[0] >= _LEAST_CONTRAST:
            self._shown_ns = received_ns
        return replace(frame, track_ns=self._clock.time_ns(
            frame.stamp_ns, received_ns, round(clear_after * 1e9)))


def _same(data: _Data, other: _Data) -> bool:
    mine, others = np.frombuffer(data, np.uint8), np.frombuffer(other, np.uint8)
    # Few bytes tell most images apart, and all of them take a millisecond.
    return np.array_equal(mine[::_SAMPLE], others[::_SAMPLE]) and np.array_equal(mine, others)


def ground_camera(info: Any, size: tuple[int, int], height: float, pitch: float
                  ) -> GroundCamera | None:
    """
    Return the calibration of a camera for images of `size`.

    The projection matrix ``P`` counts where it is given, else ``K``. Images are as the message
    says, cropped and binned, or the sensor's whole image, and either of these resized.

    :param info: has the fields of ``sensor_msgs/CameraInfo``.
    :param size: (height, width) of the images.
    :param height: of the camera above the road, metres.
    :param pitch: downward tilt, radians.
    :return: None where the message says that the camera is not calibrated.
    :raises CameraError: the calibration is for images of another shape, that of no camera, or one
        with which no road is seen.
    """
    camera = camera_of_image(info, size)
    if camera is None:
        return None
    ground = GroundCamera(*camera.pinhole, height, pitch)
    if not math.isfinite(ground.distance(size[0])):
        raise CameraError(
            f'with the optical axis in row {ground.cy:g} of {size[0]}, and a pitch of {pitch:g}, '
            'the image lies above the horizon: no distance to the road can be measured')
    return ground
