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


NO_DISTANCES = 'so alerts have no distance, and near goes by alerts.near_row, not alerts.near_m'
"""What it means that a camera has no calibration that can be used."""

_LEAST_CONTRAST = 20
"""Between the least and the largest value of an image that shows something, of 255."""

_SAMPLE = 4099
"""Of so many bytes one is looked at first."""


_BLIND_AFTER = 5.0
"""Seconds without any change, or with nothing shown, after which a camera looks blind."""

_FROZEN_FRAMES = 20
"""Frames without any change: a slow camera may have few in that time."""


class _Spell:
    """For how many frames, and for how long, something has been so without a break."""

    def __init__(self):
        self.frames = 0
        self._since_ns: int | None = None
        self._last_ns = 0

    @property
    def seconds(self) -> float:
        """How long it has been so, by the clock of `note`."""
        return 0.0 if self._since_ns is None else (self._last_ns - self._since_ns) * 1e-9

    def note(self, lasts: bool, now_ns: int) -> None:
        """Take in a frame; it counts from the last one of which it was not so, or the first."""
        self._last_ns = now_ns
        if lasts and self._since_ns is not None:
            self.frames += 1
        else:
            self.frames, self._since_ns = 0, now_ns


class CameraStream:
    """
    Refuses images that are repeated, says by which time each frame is tracked, and who is blind.

    Every image is given to `check`, and its frame, if there is one, to `timed`. Times of receipt
    are nanoseconds of a clock that does not jump.
    """

    def __init__(self):
        self._clock = StampClock()
        self._last: tuple[int, _Data] | None = None
        self._unchanged, self._blank = _Spell(), _Spell()
        self._values = 0, 255

    @property
    def frozen(self) -> str:
        """For how long the image has been the same, to the byte; empty if not for long."""
        frames, seconds = self._unchanged.frames, self._unchanged.seconds
        if frames < _FROZEN_FRAMES or seconds < _BLIND_AFTER:
            return ''
        return (f'the image has not changed by a single byte for {seconds:.0f} s, though {frames} '
                'frames came: a camera that is frozen looks so, or a replay that is paused')

    @property
    def blank(self) -> str:
        """For how long the frames have shown next to nothing; empty if not for long."""
        (low, high), seconds = self._values, self._blank.seconds
        return (f'for {seconds:.0f} s the images have shown next to nothing: the values of the '
                f'last are {low} to {high} of 255. Is the lens covered, or do the samples of 16 '
                'bits use fewer, and are not shifted up?' if seconds >= _BLIND_AFTER else '')

    def check(self, stamp_ns: int, data: _Data, received_ns: int) -> None:
        """
        Take in an image, as its message has it; to be called once for each, as they come.

        :param received_ns: when it was received or recorded.
        :raises FrameError: it is the last one again: whoever repeats an image is blind, however
            often. Without a stamp, nobody can tell.
        """
        last, self._last = self._last, (stamp_ns, data)
        same = last is not None and _same(data, last[1])
        self._unchanged.note(same, received_ns)
        if same and stamp_ns == last[0] != 0:
            raise FrameError('the last image arrives again, with the same stamp and the same data')

    def timed(self, frame: Frame, received_ns: int, clear_after: float) -> Frame:
        """
        Return a frame with the time by which it is tracked.

        :param received_ns: when it was received or recorded.
        :param clear_after: seconds by which a stamp steps back at least where the stream starts
            afresh.
        """
        self._values = low, high = frame.value_range()
        self._blank.note(high - low < _LEAST_CONTRAST, received_ns)
        return replace(frame, track_ns=self._clock.time_ns(
            frame.stamp_ns, received_ns, round(clear_after * 1e9)))


def _same(data: _Data, other: _Data) -> bool:
    mine, others = np.frombuffer(data, np.uint8), np.frombuffer(other, np.uint8)
    # Few bytes tell most images apart, and all of them take a millisecond.
    return np.array_equal(mine[::_SAMPLE], others[::_SAMPLE]) and np.array_equal(mine, others)


def missing_calibration(info: Any | None) -> str:
    """
    Say why a camera has no calibration.

    :param info: its last CameraInfo, of which `ground_camera` makes none; None if none came.
    """
    return ('there is no CameraInfo' if info is None
            else 'the CameraInfo says that the camera is not calibrated')


def lens_distortion(info: Any, topic: str) -> str:
    """
    Say that a camera's images may not be rectified; empty if they are.

    :param info: its CameraInfo.
    :param topic: of its images.
    """
    # image_proc calls those that it rectified so, and publishes the distortion all the same.
    if not any(info.d) or 'rect' in topic.rpartition('/image')[2]:
        return ''
    return (f'the CameraInfo has a distortion of the lens ({info.distortion_model or "unknown"}), '
            'and distances are those of rectified images; if these are not, take the image_rect '
            'of image_proc')


def foreign_frame(info: Any, frame_id: str) -> str:
    """
    Say that a calibration may be another camera's; empty if it names the images' frame, or none.

    sensor_msgs/Image leaves undefined what it means where they differ.

    :param info: its CameraInfo.
    :param frame_id: that of the images.
    """
    theirs, own = info.header.frame_id.lstrip('/'), frame_id.lstrip('/')
    if not theirs or not own or theirs == own:
        return ''
    return (f'the CameraInfo is for the frame {theirs!r}, and the images are of the frame {own!r}:'
            ' if it is that of another camera, all distances are wrong; check the remapping of '
            'camera_info')


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
