"""What looks odd of a camera of a recording, by the checks of the live node."""

from typing import Any

from aim_ros.imaging.frame import Frame
from aim_ros.perception.camera_stream import CameraStream
from aim_ros.perception.camera_stream import foreign_frame
from aim_ros.perception.camera_stream import lens_distortion
from aim_ros.perception.camera_stream import missing_calibration
from aim_ros.perception.camera_stream import NO_DISTANCES
from aim_ros.perception.stream_order import STAND_STILL
from aim_ros.perception.stream_order import StreamOrder


class CameraWatch:
    """
    Takes in the images of one camera, in the order in which they were recorded.

    :param topic: of the images.
    :param start_ns: when the recording begins, nanoseconds.
    :param clear_after: seconds by which a stamp steps back at least where a stream starts afresh.
    """

    def __init__(self, topic: str, start_ns: int, clear_after: float):
        self._topic, self._start_ns, self._clear_after = topic, start_ns, clear_after
        self._stream, self._order = CameraStream(), StreamOrder()
        self._blind: dict[str, str] = {}
        self._spells: list[str] = []
        self._stood_still = False
        self._still = self._images = 0
        self._calibrated = self._uncalibrated = False
        self._info: Any = None
        self._frame_id = ''

    def check(self, stamp_ns: int, data: Any, recorded_ns: int) -> None:
        """
        Take in an image, as its message has it.

        :raises FrameError: it is the last one again, see `CameraStream.check`.
        """
        self._order.receive(stamp_ns, recorded_ns)
        self._images += 1
        stood_still, self._stood_still = self._stood_still, self._order.stands_still
        if self._stood_still:
            # It takes three to tell.
            self._still += 1 if stood_still else 3
        self._stream.check(stamp_ns, data, recorded_ns)

    def timed(self, frame: Frame, recorded_ns: int) -> Frame:
        """Take in the frame of that image; return it with the time by which it is tracked."""
        self._order.take(frame.size)
        self._frame_id = frame.frame_id
        return self._stream.timed(frame, recorded_ns, self._clear_after)

    def look(self, now_ns: int) -> None:
        """Note what looks blind, once it is over: then it is known for how long it was so."""
        for kind, text in (('frozen', self._stream.frozen), ('blank', self._stream.blank)):
            if text:
                second = (now_ns - self._start_ns) / 1e9
                self._blind[kind] = f'{self._topic}, up to second {second:.1f}: {text}'
            elif kind in self._blind:
                self._spells.append(self._blind.pop(kind))

    def calibrate(self, info: Any | None, usable: bool) -> None:
        """
        Note the calibration of a frame.

        :param info: its CameraInfo, None where there is none.
        :param usable: whether distances go by it.
        """
        self._info = info
        self._calibrated |= usable
        self._uncalibrated |= not usable

    @property
    def warnings(self) -> list[str]:
        """What looks odd of the images that were taken in, a sentence each."""
        odd = [self._order.odd_sizes(), self._odd_stamps(),
               f'{STAND_STILL} ({self._still} of {self._images} frames)' if self._still else '']
        if self._calibrated:
            odd += [lens_distortion(self._info, self._topic),
                    foreign_frame(self._info, self._frame_id)]
        elif self._uncalibrated:
            odd.append(f'{missing_calibration(self._info)}, {NO_DISTANCES}')
        return [*self._spells, *self._blind.values(),
                *(f'{self._topic}: {text}' for text in odd if text)]

    def _odd_stamps(self) -> str:
        if self._order.jumps_back(self._clear_after) == 1:
            return (f'one stamp jumps back, by {self._clear_after:g} s or more: tracks and alerts '
                    'start afresh there')
        return self._order.jitter(self._clear_after)
