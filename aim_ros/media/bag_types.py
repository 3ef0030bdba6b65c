"""The messages that recordings hold, without ROS: their types, and how they are serialized."""

from typing import Any

from aim_ros.media.frames import MediaError

try:
    from rosbags.typesys import get_types_from_msg
    from rosbags.typesys import get_typestore
    from rosbags.typesys import Stores
except ImportError:
    raise MediaError(
        "rosbag2 recordings need the Python package 'rosbags': pip install rosbags"
    ) from None

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
DETECTIONS = 'vision_msgs/msg/Detection2DArray'
LABEL_INFO = 'vision_msgs/msg/LabelInfo'

# The public interface of vision_msgs 4, which rosbags does not know: fields alone, since names
# and types of fields are all that the serialized form and the type's hash depend on. All nine hash
# as the definitions of ros-perception/vision_msgs, tag 4.1.1, do.
_VISION = {
    'Point2D': 'float64 x\nfloat64 y\n',
    'Pose2D': 'vision_msgs/Point2D position\nfloat64 theta\n',
    'BoundingBox2D': 'vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n',
    'ObjectHypothesis': 'string class_id\nfloat64 score\n',
    'ObjectHypothesisWithPose':
        'vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n',
    'Detection2D':
        'std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n'
        'vision_msgs/BoundingBox2D bbox\nstring id\n',
    'Detection2DArray': 'std_msgs/Header header\nvision_msgs/Detection2D[] detections\n',
    'VisionClass': 'uint16 class_id\nstring class_name\n',
    'LabelInfo':
        'std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold\n',
}


def _typestore() -> Any:
    # The messages used here are the same in every distribution: one set of types reads all bags.
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, fields in _VISION.items():
        store.register(get_types_from_msg(fields, f'vision_msgs/msg/{name}'))
    return store


TYPES = _typestore()
"""The types, by rosbags' interface."""


def new(msgtype: str, **values: Any) -> Any:
    """
    Make a message.

    :param msgtype: as in ``sensor_msgs/msg/Image``; ``sensor_msgs/Image`` will do.
    :param values: of all its fields.
    """
    package, _, name = msgtype.rpartition('/')
    return TYPES.types[f'{package.removesuffix("/msg")}/msg/{name}'](**values)


def serialize(message: Any) -> memoryview:
    """Return a message as it is recorded."""
    return TYPES.serialize_cdr(message, message.__msgtype__)


def deserialize(data: bytes, msgtype: str, where: str) -> Any:
    """
    Read a recorded message.

    :param where: what it is, for people.
    :raises MediaError: it is not whole; the text begins with `where`.
    """
    try:
        return TYPES.deserialize_cdr(data, msgtype)
    # Whatever the library stumbles over, the message is not whole.
    except Exception as error:
        raise MediaError(f'{where}: not a whole {msgtype} ({error})') from None


def stamp_ns(message: Any) -> int:
    """Return the header stamp of a message, nanoseconds."""
    stamp = message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec
