"""Which image topics of a recording are cameras, and what they are called."""

from collections.abc import Sequence
from dataclasses import dataclass
import re

from aim_ros.imaging.frame import FrameError
from aim_ros.media.bag_messages import pixels
from aim_ros.media.bag_types import COMPRESSED
from aim_ros.media.bag_types import deserialize
from aim_ros.media.bag_types import IMAGE
from aim_ros.media.frames import MediaError
from aim_ros.media.recording import Recording
from aim_ros.media.rosbag import info_topic

_TRIED = 100  # messages of a topic, before it is left alone
_NO_CAMERAS = ('confidence', 'labels', 'mask', 'overlay')
"""The ends of topics whose images no camera took."""


@dataclass(frozen=True)
class Camera:
    """
    A camera of a recording.

    :param name: what its results are called.
    :param topic: of its images.
    """

    name: str
    topic: str

    @property
    def info_topic(self) -> str:
        """The topic of its calibration."""
        return info_topic(self.topic)


def find_cameras(recording: Recording, chosen: Sequence[str] = ()
                 ) -> tuple[list[Camera], list[str]]:
    """
    Return a recording's cameras, and what is to be said of topics that are none.

    :param chosen: topics, or NAME=TOPIC; without any, all that can be played.
    :raises MediaError: there is none, or a chosen topic is not there.
    """
    topics = recording.topics_of(IMAGE, COMPRESSED)
    if chosen:
        cameras = [_chosen(text, topics, recording) for text in chosen]
        problems = {}
    else:
        problems = {topic: _problem(recording, topic) for topic in _candidates(topics)}
        cameras = [Camera(camera_name(topic), topic)
                   for topic, problem in problems.items() if not problem]
    notes = [f'topic {topic} is left out: {problem}'
             for topic, problem in problems.items() if problem]
    if not cameras:
        raise MediaError(
            f'rosbag {recording.place} has no images to process: '
            + ('; '.join(notes) or f'its topics: {recording.listing}'))
    names = [camera.name for camera in cameras]
    for name in names:
        if names.count(name) > 1:
            same = ', '.join(camera.topic for camera in cameras if camera.name == name)
            raise MediaError(f'rosbag {recording.place}: {same} would all be camera {name!r}; '
                             'name them by --camera NAME=TOPIC')
    return cameras, notes


def camera_name(topic: str) -> str:
    """Return what the camera of an image topic is called: ``/front/image_raw`` is ``front``."""
    parts = topic.removesuffix('/compressed').strip('/').split('/')
    name = re.sub(r'\W', '_', '_'.join(parts[:-1] or parts))
    return name if re.match('[A-Za-z]', name) else f'camera_{name}'


def _candidates(topics: list[str]) -> list[str]:
    """Leave out results, and compressed images that are there as they were."""
    return [topic for topic in topics
            if topic.removesuffix('/compressed').rpartition('/')[2] not in _NO_CAMERAS
            and not (topic.endswith('/compressed')
                     and topic.removesuffix('/compressed') in topics)]


def _chosen(text: str, topics: list[str], recording: Recording) -> Camera:
    name, equals, topic = text.rpartition('=')
    if topic not in topics:
        raise MediaError(f'rosbag {recording.place} has no image topic {topic!r}; its image '
                         f'topics: {", ".join(topics) or "none"}')
    if equals and not re.fullmatch('[A-Za-z][A-Za-z0-9_]*', name):
        raise MediaError(f'a camera is named by letters, digits and _, starting with a letter; '
                         f'got {name!r}')
    return Camera(name or camera_name(topic), topic)


def _problem(recording: Recording, topic: str) -> str:
    """Return why none of a topic's first messages is an image; nothing if one is."""
    problems = ['it has no messages']
    messages = recording.messages(
        topic, (IMAGE, COMPRESSED), on_loss=lambda error: problems.append(str(error)))
    for _, message in zip(range(_TRIED), messages, strict=False):
        try:
            pixels(deserialize(message.data, message.msgtype, 'message'))
        except (FrameError, MediaError) as error:
            problems.append(str(error))
        else:
            return ''
    return problems[-1]
