"""A recording as the frames of its cameras, taken as the node takes messages."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.camera_info import is_calibrated
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.media.bag_messages import pixels
from aim_ros.media.bag_types import CAMERA_INFO
from aim_ros.media.bag_types import COMPRESSED
from aim_ros.media.bag_types import deserialize
from aim_ros.media.bag_types import IMAGE
from aim_ros.media.bag_types import stamp_ns
from aim_ros.media.frames import check_stamp
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Message
from aim_ros.media.recording import Recording
from aim_ros.perception.camera_stream import ground_camera
from aim_ros.recordings.camera_watch import CameraWatch
from aim_ros.recordings.cameras import Camera
from aim_ros.recordings.latched import Latched
from aim_ros.recordings.options import Options
from aim_ros.recordings.problems import note

_TRIED_INFOS = 100


@dataclass(frozen=True)
class Shot:
    """
    A frame of a recording.

    :param frame: the frame.
    :param ground: its camera's calibration, None where there is none.
    :param recorded_ns: when it was recorded, nanoseconds.
    """

    frame: Frame
    ground: GroundCamera | None
    recorded_ns: int


class BagInput:
    """
    The frames of a recording that is open.

    :param recording: the recording.
    :param cameras: whose images are taken.
    :param options: how.
    :param clear_after: seconds by which a stamp steps back at least where a stream starts afresh.
    :param notes: what is to be said of topics that are no cameras.
    """

    def __init__(self, recording: Recording, cameras: list[Camera], options: Options,
                 clear_after: float, notes: Sequence[str] = ()):
        self.problems = Counter(filter(None, (
            recording.note, recording.left_out, recording.unnamed, *notes)))
        """What was left out, and how often."""
        self.damaged = bool(recording.note)
        """Whether a part of the recording could not be read."""
        self._recording, self._options = recording, options
        self._by_topic = {camera.topic: camera for camera in cameras}
        self._watches = {camera.name: CameraWatch(camera.topic, recording.start_ns, clear_after)
                         for camera in cameras}
        self._seen: Counter[str] = Counter()
        # A driver publishes a calibration after its image, and so may a recorder.
        self._infos = {topic: self._first_info(topic)
                       for topic in dict.fromkeys(camera.info_topic for camera in cameras)}

    def __len__(self) -> int:
        """Estimate the number of frames: damage is not known before it is met."""
        counts = self._recording.topics
        total = sum(counts[topic] for topic in self._by_topic)
        duration = self._recording.duration_ns / 1e9
        span = duration if self._options.duration is None else self._options.duration
        span = max(min(span, duration - self._options.start), 0)
        share = span / duration if duration > 0 else 1.0
        return max(round(total * share / self._options.every), 1)

    @property
    def warnings(self) -> list[str]:
        """What looks odd of the cameras in the frames that were taken, and of their names."""
        return [*filter(None, (camera.note for camera in self._by_topic.values())),
                *(text for watch in self._watches.values() for text in watch.warnings)]

    def shots(self, on_message: Callable[[Message], None] | None = None) -> Iterator[Shot]:
        """
        Yield the frames, in the order in which they were recorded.

        :param on_message: takes every message of that time, of all topics, before its frame; and
            first what was latched before, as if it had been recorded at the start.
        """
        start_ns = self._recording.start_ns + round(self._options.start * 1e9)
        end_ns = None if self._options.duration is None else (
            start_ns + round(self._options.duration * 1e9))
        topics = (set(self._recording.topics) if on_message
                  else {*self._by_topic, *self._infos})
        latched = Latched()
        for message in self._recording.timeline(topics, self._lose_part):
            if message.recorded_ns < start_ns:
                self._take_info(message)
                if on_message:
                    latched.take(message)
                continue
            if end_ns is not None and message.recorded_ns >= end_ns:
                return
            if on_message:
                for kept in latched.release(start_ns):
                    on_message(kept)
                on_message(message)
            self._take_info(message)
            if (shot := self._shot(message)) is not None:
                yield shot

    def _lose_part(self, error: MediaError) -> None:
        self.damaged = True
        note(self.problems, str(error))

    def _shot(self, message: Message) -> Shot | None:
        """Return the frame of a message; None if it is none, or cannot be used."""
        camera = self._by_topic.get(message.connection.topic)
        if camera is None or message.msgtype not in (IMAGE, COMPRESSED):
            return None
        self._seen[camera.name] += 1
        if (self._seen[camera.name] - 1) % self._options.every:
            return None
        try:
            frame = self._frame(camera, message)
        except (FrameError, MediaError) as error:
            note(self.problems, f'{camera.topic}: {error}')
            return None
        finally:
            self._watches[camera.name].look(message.recorded_ns)
        return Shot(frame, self._ground(camera, frame.size), message.recorded_ns)

    def _frame(self, camera: Camera, message: Message) -> Frame:
        image = deserialize(message.data, message.msgtype, 'a message was lost')
        stamp = stamp_ns(image)
        check_stamp(stamp, 'a message was lost')
        watch = self._watches[camera.name]
        watch.check(stamp, image.data, message.recorded_ns)
        array, encoding = pixels(image)
        frame = Frame(array, encoding, camera.name, stamp, recorded_ns=message.recorded_ns,
                      index=self._seen[camera.name] - 1, frame_id=image.header.frame_id)
        return watch.timed(frame, message.recorded_ns)

    def _ground(self, camera: Camera, size: tuple[int, int]) -> GroundCamera | None:
        info, ground = self._infos[camera.info_topic], None
        try:
            if info is not None:
                ground = ground_camera(info, size, self._options.height, self._options.pitch)
        except CameraError as error:
            note(self.problems, f'{camera.info_topic} is not used: {error}')
            return None
        self._watches[camera.name].calibrate(info, ground is not None)
        return ground

    def _take_info(self, message: Message) -> None:
        topic = message.connection.topic
        if topic in self._infos and message.msgtype == CAMERA_INFO:
            info = self._info(message)
            if info is not None:
                self._infos[topic] = info

    def _first_info(self, topic: str) -> Any:
        """Return the first calibration on a topic, None where there is none."""
        messages = self._recording.messages(topic, (CAMERA_INFO,), on_loss=lambda _: None)
        infos = (self._info(message) for _, message in zip(
            range(_TRIED_INFOS), messages, strict=False))
        return next((info for info in infos if info is not None and is_calibrated(info)), None)

    def _info(self, message: Message) -> Any:
        try:
            return deserialize(message.data, CAMERA_INFO, message.connection.topic)
        except MediaError as error:
            note(self.problems, str(error))
            return None
