"""Which image topics of a recording are cameras, and what they are called."""

from collections import defaultdict
from collections.abc import Collection
from collections.abc import Sequence
from dataclasses import dataclass
import re
import shlex

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
    :param note: what is to be said of its name; empty if nothing is.
    """

    name: str
    topic: str
    note: str = ''

    @property
    def info_topic(self) -> str:
        """The topic of its calibration."""
        return info_topic(self.topic)


def find_cameras(recording: Recording, chosen: Sequence[str] = ()
                 ) -> tuple[list[Camera], list[str]]:
    """
    Return a recording's cameras, and what is to be said of topics that are none.

    Topics that would get one name get that of the whole topic instead: of raw images beside
    rectified ones, nobody can tell which are wanted.

    :param chosen: topics, or NAME=TOPIC; without any, all that can be played.
    :raises MediaError: there is none, a chosen topic is not there, or names are not told apart.
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
    cameras = _told_apart(
        cameras, {text.rpartition('=')[2] for text in chosen if '=' in text})
    _check_names(cameras, recording)
    return cameras, notes


def camera_name(topic: str) -> str:
    """Return what the camera of an image topic is called: ``/front/image_raw`` is ``front``."""
    parts = _parts(topic)
    return _identifier(parts[:-1] or parts)


def _parts(topic: str) -> list[str]:
    return topic.removesuffix('/compressed').strip('/').split('/')


def _identifier(parts: Sequence[str]) -> str:
    name = re.sub(r'\W', '_', '_'.join(parts))
    return name if re.match('[A-Za-z]', name) else f'camera_{name}'


def _told_apart(cameras: list[Camera], given: Collection[str]) -> list[Camera]:
    """
    Name those by their whole topics that would else have a name together.

    :param given: topics to which the user gave a name, which stays.
    """
    topics = defaultdict(list)
    for camera in cameras:
        topics[camera.name].append(camera.topic)
    named, noted = [], set()
    for camera in cameras:
        name, alike = camera.name, topics[camera.name]
        if len(alike) > 1 and camera.topic not in given:
            note = '' if name in noted else (
                f'{", ".join(alike)} would all be camera {name!r}, and are named by their whole '
                'topics; --camera NAME=TOPIC chooses and names')
            noted.add(name)
            camera = Camera(_identifier(_parts(camera.topic)), camera.topic, note)
        named.append(camera)
    return named


def _check_names(cameras: list[Camera], recording: Recording) -> None:
    """
    Check that each topic is one camera, and each name, too.

    :raises MediaError: they are not; the text has options that would do.
    """
    for what, values in (('names', [camera.name for camera in cameras]),
                         ('topics', [camera.topic for camera in cameras])):
        if len(set(values)) == len(values):
            continue
        topics = dict.fromkeys(camera.topic for camera in cameras)
        options = ' '.join(f'--camera camera_{number}={shlex.quote(topic)}'
                           for number, topic in enumerate(topics, start=1))
        alike = ', '.join(f'{camera.name}={camera.topic}' for camera in cameras)
        raise MediaError(f'rosbag {recording.place}: the cameras {alike} do not all differ in '
                         f'their {what}; name them, as by {options}')


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
