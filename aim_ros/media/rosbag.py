"""rosbag2 recordings (mcap and sqlite3), read and written without ROS."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.media.frames import check_range
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import ENCODINGS
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import MediaFrame

try:
    from rosbags.interfaces import Connection
    from rosbags.rosbag2 import Reader
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer
    from rosbags.typesys import get_typestore
    from rosbags.typesys import Stores
except ImportError:
    raise MediaError(
        "rosbag2 folders need the Python package 'rosbags': pip install rosbags"
    ) from None

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'

# The messages used here are the same in every distribution, so one set of types reads all bags.
_TYPES = get_typestore(Stores.ROS2_JAZZY)
_STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}


class RosBag:
    """One image topic of a rosbag2 folder, raw or compressed.

    `topic` is by default the first image topic in alphabetical order; the camera model is that of
    the first CameraInfo on the `camera_info` topic beside it. Header stamps and frame ids are
    kept.

    Raises MediaError if the bag cannot be read or has no such topic.
    """

    def __init__(self, folder: Path, *, topic: str | None = None):
        self._folder = folder
        with _opened(folder) as bag:
            images = {
                connection.topic: connection
                for connection in bag.connections
                if connection.msgtype in (IMAGE, COMPRESSED)
            }
            if not images:
                raise MediaError(
                    f'rosbag {folder} has no image topic; its topics: '
                    f'{", ".join(sorted(bag.topics)) or "none"}'
                )
            if topic is not None and topic not in images:
                raise MediaError(
                    f'rosbag {folder} has no image topic {topic!r}; its image topics: '
                    f'{", ".join(sorted(images))}'
                )
            self.topic = min(images) if topic is None else topic
            self._count = bag.topics[self.topic].msgcount
            self._camera = _read_camera(bag, _info_topic(images[self.topic]))
        others = sorted(images.keys() - {self.topic})
        self.name = f'rosbag {folder}, topic {self.topic}'
        if others and topic is None:
            self.name += f' (also there: {", ".join(others)})'

    def __len__(self) -> int:
        return self._count

    def frames(self, start: int = 0, every: int = 1) -> Iterator[MediaFrame]:
        """Yield the topic's images from `start` on; see `FrameSource.frames`."""
        check_range(start, every)
        with _opened(self._folder) as bag:
            connections = [c for c in bag.connections if c.topic == self.topic]
            for index, (connection, _, data) in enumerate(bag.messages(connections)):
                if index >= start and (index - start) % every == 0:
                    yield self._frame(index, connection.msgtype, data)

    def _frame(self, index: int, msgtype: str, data: bytes) -> MediaFrame:
        where = f'rosbag {self._folder}, topic {self.topic}, message {index}'
        message = _deserialize(data, msgtype, where)
        if msgtype == COMPRESSED:
            image, encoding = _decode(message, where), 'bgr8'
        else:
            image, encoding = _pixels(message, where), message.encoding
        header = message.header
        stamp_ns = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
        return MediaFrame(
            image, encoding, stamp_ns, index, self._camera, None, header.frame_id
        )


def open_bag(folder: Path, options: Mapping[str, Any]) -> RosBag:
    """Open a rosbag2 folder; the one option is `topic`."""
    return RosBag(folder, **convert_options('a rosbag', options, {'topic': str}))


def write_bag(
    path: Path | str,
    frames: Iterable[MediaFrame],
    *,
    camera: str = 'camera',
    storage: str = 'mcap',
) -> None:
    """Write frames to a new rosbag2 folder as `/<camera>/image` and `/<camera>/camera_info`.

    `storage` is `mcap` or `sqlite3`. A frame without a camera model gets no CameraInfo; labels are
    not written. Messages are logged at the time of their stamp.

    Raises MediaError if `path` exists or the storage is unknown.
    """
    if storage not in _STORAGES:
        raise MediaError(f'unknown storage {storage!r}; storages: {", ".join(_STORAGES)}')
    if Path(path).exists():
        raise MediaError(f'{path} exists already; choose a name that is free')
    with Writer(Path(path), version=9, storage_plugin=_STORAGES[storage]) as bag:
        images = bag.add_connection(f'/{camera}/image', IMAGE, typestore=_TYPES)
        infos = bag.add_connection(f'/{camera}/camera_info', CAMERA_INFO, typestore=_TYPES)
        for frame in frames:
            for connection, message in ((infos, _info(frame)), (images, _image(frame))):
                if message is not None:
                    data = _TYPES.serialize_cdr(message, connection.msgtype)
                    bag.write(connection, frame.stamp_ns, data)


@contextmanager
def _opened(folder: Path) -> Iterator[Reader]:
    try:
        with Reader(folder) as bag:
            yield bag
    except MediaError:
        raise
    # The library lets errors of files, YAML, SQLite and its own asserts through: whatever it is,
    # the bag cannot be read, and the user gets one line.
    except Exception as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise MediaError(f'cannot read rosbag {folder}: {reason}') from None


def _deserialize(data: bytes, msgtype: str, where: str) -> Any:
    try:
        return _TYPES.deserialize_cdr(data, msgtype)
    except Exception as error:
        raise MediaError(f'{where}: not a whole {msgtype} ({error})') from None


def _pixels(message: Any, where: str) -> np.ndarray:
    """Return the pixels of an Image message, without the padding that its rows may have."""
    if message.encoding not in ENCODINGS:
        raise MediaError(
            f'{where}: encoding {message.encoding!r} is not supported; encodings: '
            f'{", ".join(ENCODINGS)}'
        )
    channels = ENCODINGS[message.encoding]
    height, width, step = message.height, message.width, message.step
    if not height or not width or step < width * channels or message.data.size < height * step:
        raise MediaError(
            f'{where}: {message.data.size} bytes in rows of {step} are no {width}x{height} '
            f'{message.encoding} image'
        )
    rows = message.data[: height * step].reshape(height, step)[:, : width * channels]
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.ascontiguousarray(rows).reshape(shape)


def _decode(message: Any, where: str) -> np.ndarray:
    """Return the BGR pixels of a CompressedImage message."""
    image = cv2.imdecode(message.data, cv2.IMREAD_COLOR) if message.data.size else None
    if image is None:
        raise MediaError(f'{where}: OpenCV cannot decode it (format {message.format!r})')
    return image


def _info_topic(image: Connection) -> str:
    """Name the CameraInfo topic beside an image topic, as image_transport does."""
    topic = image.topic
    if image.msgtype == COMPRESSED:
        topic = topic.removesuffix('/compressed')
    return f'{topic.rpartition("/")[0]}/camera_info'


def _read_camera(bag: Reader, topic: str) -> CameraModel | None:
    connections = [c for c in bag.connections if (c.topic, c.msgtype) == (topic, CAMERA_INFO)]
    for _, _, data in bag.messages(connections) if connections else ():
        info = _deserialize(data, CAMERA_INFO, f'rosbag topic {topic}')
        if info.k[0] == 0:  # CameraInfo's way to say: not calibrated
            return None
        delivered = _delivered(info)
        k, p = delivered @ info.k.reshape(3, 3), delivered @ info.p.reshape(3, 4)
        return CameraModel(
            width=(info.roi.width or info.width) // max(info.binning_x, 1),
            height=(info.roi.height or info.height) // max(info.binning_y, 1),
            fx=float(k[0, 0]),
            fy=float(k[1, 1]),
            cx=float(k[0, 2]),
            cy=float(k[1, 2]),
            distortion=tuple(info.d.tolist()),
            distortion_model=info.distortion_model,
            r=tuple(info.r.tolist()),
            p=tuple(p.ravel().tolist()),
        )
    return None


def _delivered(info: Any) -> np.ndarray:
    """Return the 3x3 matrix from pixels of the sensor to those of the image: crop, then bin."""
    across, down = 1 / max(info.binning_x, 1), 1 / max(info.binning_y, 1)
    left, top = info.roi.x_offset, info.roi.y_offset
    # Pixel centres are whole numbers, so that the middle of two binned ones is at a half.
    return np.array([
        [across, 0, (0.5 - left) * across - 0.5],
        [0, down, (0.5 - top) * down - 0.5],
        [0, 0, 1],
    ])


def _header(frame: MediaFrame) -> Any:
    seconds, nanoseconds = divmod(frame.stamp_ns, 1_000_000_000)
    time = _TYPES.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=nanoseconds)
    return _TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id=frame.frame_id)


def _image(frame: MediaFrame) -> Any:
    height, width = frame.image.shape[:2]
    return _TYPES.types[IMAGE](
        header=_header(frame),
        height=height,
        width=width,
        encoding=frame.encoding,
        is_bigendian=0,
        step=width * ENCODINGS[frame.encoding],
        data=frame.image.reshape(-1),
    )


def _info(frame: MediaFrame) -> Any:
    camera = frame.camera
    if camera is None:
        return None
    return _TYPES.types[CAMERA_INFO](
        header=_header(frame),
        height=camera.height,
        width=camera.width,
        distortion_model=camera.distortion_model,
        d=np.array(camera.distortion, np.float64),
        k=np.array(camera.k, np.float64),
        r=np.array(camera.r, np.float64),
        p=np.array(camera.p, np.float64),
        binning_x=0,
        binning_y=0,
        roi=_TYPES.types['sensor_msgs/msg/RegionOfInterest'](
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        ),
    )
