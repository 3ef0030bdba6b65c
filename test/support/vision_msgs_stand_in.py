"""
The messages of vision_msgs 4 that the node fills in, by their fields, for machines without it.

They refuse a field that the real ones do not have and a value of another type, as those do.
"""

from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from types import ModuleType
from typing import Any

from geometry_msgs.msg import PoseWithCovariance
from std_msgs.msg import Header


class Message:
    """A message that checks what is set, as rosidl's do."""

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = {spec.name: spec.type for spec in fields(self)}
        if name not in kinds:
            raise AttributeError(f'{type(self).__name__} has no field {name}')
        if type(value) is not kinds[name]:
            raise TypeError(f'{type(self).__name__}.{name} is a {kinds[name].__name__}, got '
                            f'{value!r}')
        super().__setattr__(name, value)


@dataclass(kw_only=True)
class Point2D(Message):
    x: float = 0.0
    y: float = 0.0


@dataclass(kw_only=True)
class Pose2D(Message):
    position: Point2D = field(default_factory=Point2D)
    theta: float = 0.0


@dataclass(kw_only=True)
class BoundingBox2D(Message):
    center: Pose2D = field(default_factory=Pose2D)
    size_x: float = 0.0
    size_y: float = 0.0


@dataclass(kw_only=True)
class ObjectHypothesis(Message):
    class_id: str = ''
    score: float = 0.0


@dataclass(kw_only=True)
class ObjectHypothesisWithPose(Message):
    hypothesis: ObjectHypothesis = field(default_factory=ObjectHypothesis)
    pose: PoseWithCovariance = field(default_factory=PoseWithCovariance)


@dataclass(kw_only=True)
class Detection2D(Message):
    header: Header = field(default_factory=Header)
    results: list = field(default_factory=list)
    bbox: BoundingBox2D = field(default_factory=BoundingBox2D)
    id: str = ''


@dataclass(kw_only=True)
class Detection2DArray(Message):
    header: Header = field(default_factory=Header)
    detections: list = field(default_factory=list)


@dataclass(kw_only=True)
class VisionClass(Message):
    class_id: int = 0
    class_name: str = ''


@dataclass(kw_only=True)
class LabelInfo(Message):
    header: Header = field(default_factory=Header)
    class_map: list = field(default_factory=list)
    threshold: float = 0.0


MESSAGES = (BoundingBox2D, Detection2D, Detection2DArray, LabelInfo, ObjectHypothesis,
            ObjectHypothesisWithPose, Point2D, Pose2D, VisionClass)


def modules() -> dict[str, ModuleType]:
    """Return what `import vision_msgs.msg` is to find, by the names in ``sys.modules``."""
    package, messages = ModuleType('vision_msgs'), ModuleType('vision_msgs.msg')
    package.msg = messages
    for message in MESSAGES:
        setattr(messages, message.__name__, message)
    return {'vision_msgs': package, 'vision_msgs.msg': messages}
