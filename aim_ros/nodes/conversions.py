"""The only seam between ROS messages and arrays."""

import array
from collections.abc import Mapping
import math

from builtin_interfaces.msg import Time
import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import numpy as np
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.frame import CHANNELS
from aim_ros.imaging.frame import DEPTH
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.segmentation.labels import LabelSet

try:
    from cv_bridge import CvBridge
except ImportError:
    # cv_bridge is no pip package: without it, only the encodings that need none are taken.
    CvBridge = None

try:
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import LabelInfo
    from vision_msgs.msg import ObjectHypothesisWithPose
    from vision_msgs.msg import VisionClass
    HAVE_VISION_MSGS = True
except ImportError:
    # Nor is vision_msgs: a pip installation goes without the typed twins of the alerts.
    HAVE_VISION_MSGS = False


_SAME_SHAPE = 0.03
"""By how much two ratios of width to height may differ where one image is the other scaled."""


def stamp_to_ns(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def ns_to_stamp(nanoseconds: int) -> Time:
    """Return nanoseconds (>= 0) as a stamp."""
    sec, nanosec = divmod(nanoseconds, 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def frame_from_image(message: Image, camera: str) -> Frame:
    """
    View an image message as a frame.

    The encodings in `CHANNELS` are viewed in place, whatever their row padding; others are
    converted to rgb8 by ``cv_bridge``.

    :raises FrameError: the message is not a whole image of an encoding that can be taken.
    """
    height, width, step = message.height, message.width, message.step
    if height == 0 or width == 0:
        raise FrameError(f'the image is {height}x{width} pixels; expected at least 1x1')
    if len(message.data) != step * height:
        raise FrameError(
            f'the data has {len(message.data)} bytes; expected step * height = '
            f'{step} * {height} = {step * height}')
    stamp_ns = stamp_to_ns(message.header.stamp)
    if message.encoding not in CHANNELS:
        return Frame(_converted(message), 'rgb8', camera, stamp_ns)
    depth = DEPTH[message.encoding]
    if step < width * depth:
        raise FrameError(
            f'step is {step} bytes; a row of {width} {message.encoding} pixels has '
            f'{width * depth}')
    pixels = np.ndarray((height, width, depth), np.uint8, message.data, 0, (step, depth, 1))
    return Frame(pixels, message.encoding, camera, stamp_ns)


def _converted(message: Image) -> np.ndarray:
    """Return an image in any encoding that ``cv_bridge`` knows as RGB."""
    supported = ', '.join(CHANNELS)
    if CvBridge is None:
        raise FrameError(
            f'the encoding {message.encoding!r} needs cv_bridge, which is not installed; '
            f'without it: {supported}')
    try:
        pixels = CvBridge().imgmsg_to_cv2(message, 'rgb8')
    # A foreign library: it raises whatever its own code runs into.
    except Exception as error:
        raise FrameError(
            f'the encoding {message.encoding!r} can not be converted to rgb8 '
            f'({" ".join(str(error).split())}); expected {supported}, or one that cv_bridge '
            'converts') from error
    # cv_bridge takes the width from the step, and shears the rows of a step that does not fit.
    depth, remainder = divmod(message.step, message.width)
    if pixels.shape[:2] != (message.height, message.width) or depth == 0 or remainder:
        raise FrameError(
            f'step is {message.step} bytes; expected rows without padding, a multiple of the '
            f'width, {message.width}, for {message.encoding}')
    return pixels


def frame_from_compressed(message: CompressedImage, camera: str) -> Frame:
    """
    Decode a compressed image message (JPEG, PNG, whatever OpenCV reads) into a frame.

    :raises FrameError: the data can not be decoded.
    """
    data = np.frombuffer(message.data, np.uint8)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if _is_whole(data) else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise FrameError(
            f'the {data.size} bytes of format {message.format!r} can not be decoded; '
            'expected a whole JPEG or PNG')
    return Frame(pixels, 'bgr8', camera, stamp_to_ns(message.header.stamp))


def _is_whole(data: np.ndarray) -> bool:
    """
    Whether an encoded image has its end.

    OpenCV before 5 decodes half a JPEG without complaint, and half the street is missing.
    """
    head, tail = data[:4].tobytes(), data[-64:].tobytes()
    if head.startswith(b'\xff\xd8'):
        return b'\xff\xd9' in tail
    if head == b'\x89PNG':
        return b'IEND' in tail
    return data.size > 0


def image_message(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """
    Make an image message.

    :param pixels: (H, W) or (H, W, C), of the dtype that `encoding` names.
    """
    pixels = np.ascontiguousarray(pixels)
    message = Image(
        header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
        is_bigendian=0, step=pixels.strides[0])
    # The generated setter takes an array('B') as it is; of bytes it checks every element.
    data = array.array('B')
    data.frombytes(memoryview(pixels).cast('B'))
    message.data = data
    return message


def camera_info_message(camera, header: Header) -> CameraInfo:
    """
    Make the calibration message of a `aim_ros.media.frames.CameraModel`.

    The two nodes must not import each other's rooms, so the model is only looked at.
    """
    return CameraInfo(
        header=header, height=camera.height, width=camera.width,
        distortion_model=camera.distortion_model, d=list(camera.distortion),
        k=list(camera.k), r=list(camera.r), p=list(camera.p))


def ground_camera(info: CameraInfo, size: tuple[int, int], height: float, pitch: float
                  ) -> GroundCamera | None:
    """
    Return the calibration of a camera for images of `size`.

    The projection matrix ``P`` counts where it is given, else ``K``. An image of the size of the
    region of interest, binned, is taken for that; one of another size than the calibration's for
    a scaled one.

    :param size: (height, width) of the images.
    :param height: of the camera above the road, metres.
    :param pitch: downward tilt, radians.
    :return: None if the message says that the camera is not calibrated.
    :raises ValueError: the calibration is for images of another shape.
    """
    fx, fy, cx, cy = ((info.p[0], info.p[5], info.p[2], info.p[6]) if info.p[0] > 0
                      else (info.k[0], info.k[4], info.k[2], info.k[5]))
    if not (all(map(math.isfinite, (fx, fy, cx, cy))) and fx > 0 and fy > 0):
        return None
    roi = info.roi
    binned = max(info.binning_y, 1), max(info.binning_x, 1)
    if roi.width and size == (roi.height // binned[0], roi.width // binned[1]):
        cx, cy = cx - roi.x_offset, cy - roi.y_offset
        down, across = 1 / binned[0], 1 / binned[1]
    else:
        across = size[1] / info.width if info.width else 1.0
        down = size[0] / info.height if info.height else 1.0
        if abs(across / down - 1) > _SAME_SHAPE:
            raise ValueError(
                f'the CameraInfo is for {info.width}x{info.height} pixels, the image has '
                f'{size[1]}x{size[0]}, another shape')
    return GroundCamera(
        fx * across, fy * down, (cx + 0.5) * across - 0.5, (cy + 0.5) * down - 0.5,
        height, pitch)


def status_message(level: int, name: str, message: str, hardware_id: str,
                   values: Mapping[str, object]) -> DiagnosticStatus:
    """Make a diagnostic status; floats get three decimals, booleans are lower case."""
    return DiagnosticStatus(
        level=bytes([level]), name=name, message=message, hardware_id=hardware_id,
        values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return f'{value:.3f}'
    return str(value)


def track_status(alert: Alert, labels: LabelSet, size: tuple[int, int], name: str, camera: str
                 ) -> DiagnosticStatus:
    """
    Make the status of one raised track; the README lists the keys and their units.

    :param size: (height, width) of the image.
    :param name: the node's name, the start of the status's.
    """
    region = alert.region
    label = labels.names[region.class_id]
    x, y, width, height = region.box
    place = 'in the corridor' if alert.in_corridor else 'outside the corridor'
    distance = f' at {alert.distance_m:.1f} m' if math.isfinite(alert.distance_m) else ''
    return status_message(
        int(alert.level), f'{name}/{camera}/track/{alert.track_id}',
        f'{label}{distance}, {"near, " if alert.near else ""}{place}', camera, {
            'class': label,
            'track_id': alert.track_id,
            'x': x,
            'y': y,
            'width': width,
            'height': height,
            'area_share': f'{region.area / (size[0] * size[1]):.6f}',
            'confidence': region.confidence,
            'modulated_share': region.modulated_share,
            'in_corridor': alert.in_corridor,
            'near': alert.near,
            'distance_m': alert.distance_m,
            'bearing_deg': alert.bearing_deg,
            'truncated': alert.truncated,
            'age_s': alert.age_s,
            'unseen_s': alert.unseen_s,
        })


def detections_message(alerts, header: Header) -> 'Detection2DArray':
    """Make the typed twin of the alerts; a detection's id is its track's, its class the id."""
    message = Detection2DArray(header=header)
    for alert in alerts:
        x, y, width, height = alert.region.box
        detection = Detection2D(header=header, id=str(alert.track_id))
        detection.bbox.center.position.x = x + width / 2
        detection.bbox.center.position.y = y + height / 2
        detection.bbox.size_x = float(width)
        detection.bbox.size_y = float(height)
        result = ObjectHypothesisWithPose()
        result.hypothesis.class_id = str(alert.region.class_id)
        result.hypothesis.score = alert.region.confidence
        detection.results.append(result)
        message.detections.append(detection)
    return message


def label_info_message(labels: LabelSet, header: Header) -> 'LabelInfo':
    """Make the message that names the ids in masks and detections."""
    return LabelInfo(header=header, class_map=[
        VisionClass(class_id=i, class_name=name) for i, name in enumerate(labels.names)])
