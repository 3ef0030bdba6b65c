"""rosbag2 recordings (mcap and sqlite3) as a source, and frames written to one, without ROS."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import logging
from pathlib import Path
from tempfile import gettempdir
from typing import Any
import weakref

from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.camera_info import camera_of_image
from aim_ros.imaging.camera_info import delivered_camera
from aim_ros.imaging.camera_info import is_calibrated
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.media import bag_messages
from aim_ros.media.bag_messages import pixels as pixels_of_message
from aim_ros.media.bag_types import CAMERA_INFO
from aim_ros.media.bag_types import COMPRESSED
from aim_ros.media.bag_types import deserialize
from aim_ros.media.bag_types import IMAGE
from aim_ros.media.bag_types import stamp_ns
from aim_ros.media.bag_writer import BagWriter
from aim_ros.media.frames import check_range
from aim_ros.media.frames import check_stamp
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import lose
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import OnLoss
from aim_ros.media.recording import Message
from aim_ros.media.recording import Recording
from aim_ros.media.unpacking import UnpackedFiles

_TRIED = 100  # messages of a topic, before it is left alone
_TRIED_INFOS = 100
_SHORTEST_PERIOD_NS = 1_000_000  # of a camera; whoever writes faster is no recorder

_logger = logging.getLogger(__name__)


class RosBag:
    """
    One image topic of a rosbag2 recording, raw or compressed.

    Header stamps and frame ids are kept. The camera model is that of the first calibrated
    CameraInfo on the ``camera_info`` topic beside the images. Files that are compressed as a whole
    are unpacked once, for as long as it is there.

    :param place: the recording's folder, or one of its files.
    :param topic: of the images; None for the first in alphabetical order that can be played.
    :raises MediaError: the recording cannot be read, or has no such topic.
    """

    def __init__(self, place: Path, *, topic: str | None = None):
        self._place = place
        self._has_clock, self._info = False, None
        # To be played again and again, it is unpacked once.
        self._unpacked = UnpackedFiles()
        weakref.finalize(self, self._unpacked.close)
        with Recording(place, self._unpacked) as recording:
            self.topic = self._chosen(recording, topic)
            self._count = recording.topics[self.topic]
            self._has_clock = (
                recording.duration_ns >= _SHORTEST_PERIOD_NS * (self._count - 1))
            self._info = _read_info(recording, self.topic)
            others = [other for other in recording.topics_of(IMAGE, COMPRESSED)
                      if other != self.topic]
            notes = '; '.join(filter(None, (
                recording.note, recording.left_out, self._told_unpacked())))
            if recording.unnamed:
                _logger.warning('rosbag %s: %s', place, recording.unnamed)
        self.name = f'rosbag {place}, topic {self.topic}'
        if others and topic is None:
            self.name += f' (also there: {", ".join(others)})'
        if notes:
            self.name += f' ({notes})'

    def __len__(self) -> int:
        return self._count

    def frames(self, start: int = 0, every: int = 1, on_loss: OnLoss | None = None
               ) -> Iterator[Frame]:
        """Yield the topic's images from `start` on; see `FrameSource.frames`."""
        check_range(start, every)
        with Recording(self._place, self._unpacked) as recording:
            messages = recording.messages(self.topic, (IMAGE, COMPRESSED), on_loss)
            for index, message in enumerate(messages):
                if index < start or (index - start) % every:
                    continue
                try:
                    frame = self._frame(index, message, self.topic)
                except MediaError as error:
                    lose(error, on_loss)
                    continue
                yield frame

    def _frame(self, index: int, message: Message, topic: str) -> Frame:
        where = f'rosbag {self._place}, topic {topic}, message {index}'
        image = deserialize(message.data, message.msgtype, where)
        try:
            pixels, encoding = pixels_of_message(image)
        except FrameError as error:
            raise MediaError(f'{where}: {error}') from None
        check_stamp(stamp_ns(image), where)
        return Frame(
            pixels, encoding, stamp_ns=stamp_ns(image), index=index,
            camera_model=self._camera_model(pixels.shape[:2]),
            recorded_ns=message.recorded_ns if self._has_clock else None,
            frame_id=image.header.frame_id)

    def _camera_model(self, size: tuple[int, int]) -> CameraModel | None:
        """Return the camera of images of `size`, or one that shows that it is not theirs."""
        if self._info is None:
            return None
        try:
            return camera_of_image(self._info, size)
        except CameraError:
            return delivered_camera(self._info)

    def _told_unpacked(self) -> str:
        """Return how large the files are that were unpacked; empty where none were."""
        size = self._unpacked.size
        return f'unpacked: {size / 1e6:.0f} MB in {gettempdir()}' if size else ''

    def _chosen(self, recording: Recording, topic: str | None) -> str:
        """Return the topic to play."""
        images = recording.topics_of(IMAGE, COMPRESSED)
        if not images:
            raise MediaError(
                f'rosbag {self._place} has no image topic; its topics: '
                + '; '.join(filter(None, (recording.listing, recording.left_out))))
        if topic is not None and topic not in images:
            raise MediaError(
                f'rosbag {self._place} has no image topic {topic!r}; its image topics: '
                f'{", ".join(images)}; choose one with topic=')
        problems = {}
        for candidate in images if topic is None else [topic]:
            problems[candidate] = self._problem(recording, candidate)
            if not problems[candidate]:
                return candidate
        playable = [other for other in images
                    if other not in problems and not self._problem(recording, other)]
        hint = (f'; to be played: {", ".join(playable)}; choose with topic={playable[0]}'
                if playable else '')
        raise MediaError(
            f'rosbag {self._place} cannot be played: '
            + '; '.join(f'topic {name}: {problem}' for name, problem in problems.items()) + hint)

    def _problem(self, recording: Recording, topic: str) -> str:
        """Return why none of a topic's first messages can be played; nothing if one can."""
        problems = ['it has no messages']
        messages = recording.messages(
            topic, (IMAGE, COMPRESSED), on_loss=lambda error: problems.append(str(error)))
        for index, message in zip(range(_TRIED), messages, strict=False):
            try:
                self._frame(index, message, topic)
            except MediaError as error:
                problems.append(str(error).partition(f'topic {topic}, ')[2])
            else:
                return ''
        return problems[-1]


def open_bag(place: Path, options: Mapping[str, Any]) -> RosBag:
    """
    Open a rosbag2 recording.

    :param place: its folder, or one of its files.
    :param options: ``topic``.
    :raises MediaError: as `RosBag`, or an option is wrong.
    """
    return RosBag(place, **convert_options('a rosbag', options, {'topic': str}))


def write_bag(
    path: Path | str,
    frames: Iterable[Frame],
    *,
    camera: str = 'camera',
    storage: str = 'mcap',
) -> None:
    """
    Write frames to a new rosbag2 folder as ``/<camera>/image`` and ``/<camera>/camera_info``.

    A frame without a camera model gets no CameraInfo; labels are not written. Messages are logged
    at the time at which they were recorded first, or else at that of their stamp.

    :param camera: name of the camera.
    :param storage: ``mcap`` or ``sqlite3``.
    :raises MediaError: `path` exists, or the storage is unknown.
    """
    with BagWriter(path, storage) as bag:
        bag.announce(f'/{camera}/image', IMAGE)
        bag.announce(f'/{camera}/camera_info', CAMERA_INFO)
        for frame in frames:
            time_ns = frame.stamp_ns if frame.recorded_ns is None else frame.recorded_ns
            header = bag_messages.header_of(frame)
            if frame.camera_model is not None:
                bag.write(f'/{camera}/camera_info', time_ns,
                          bag_messages.camera_info(frame.camera_model, header))
            bag.write(f'/{camera}/image', time_ns,
                      bag_messages.image(frame.image, frame.encoding, header))


def info_topic(topic: str) -> str:
    """Name the CameraInfo topic beside an image topic, as image_transport does."""
    return f'{topic.removesuffix("/compressed").rpartition("/")[0]}/camera_info'


def _read_info(recording: Recording, topic: str) -> Any:
    """Return the calibration message of an image topic; None where none of the first is one."""
    beside = info_topic(topic)
    messages = recording.messages(beside, (CAMERA_INFO,), on_loss=lambda _: None)
    for _, message in zip(range(_TRIED_INFOS), messages, strict=False):
        try:
            info = deserialize(message.data, CAMERA_INFO, f'rosbag topic {beside}')
        except MediaError:
            # A calibration is repeated with every image.
            continue
        if is_calibrated(info):
            return info
    return None
