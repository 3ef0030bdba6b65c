"""The only seam between ROS messages and arrays."""

import array
from collections.abc import Mapping
import math

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import numpy as np
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.hazards.alerts import Alert
from aim_ros.hazards.geometry import GroundCamera
from aim_ros.imaging.camera import camera_of_image
from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.compressed import decode_image
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.raw import pixels_of
from aim_ros.segmentation.labels import LabelSet

try:
    from vision_msgs.msg import Detection2D
    from vision_msgs.msg import Detection2DArray
    from vision_msgs.msg import LabelInfo
    from vision_msgs.msg import ObjectHypothesisWithPose
    from vision_msgs.msg import VisionClass
    HAVE_VISION_MSGS = True
except ImportError:
    # No pip package: such an installation goes without the typed twins of the alerts.
    HAVE_VISION_MSGS = False


def stamp_to_ns(stamp: Time) -> int:
    """Return a stamp in nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def ns_to_stamp(nanoseconds: int) -> Time:
    """Return nanoseconds (>= 0) as a stamp."""
    sec, nanosec = divmod(nanoseconds, 1_000_000_000)
    return Time(sec=sec, nanosec=nanosec)


def frame_from_image(message: Image, camera: str) -> Frame:
    """
    Return an image message as a frame, its pixels viewed in place where their encoding allows.

    :param camera: the camera's name.
    :raises FrameError: the message is not a whole image of an encoding that can be taken.
    """
    pixels, encoding = pixels_of(
        message.data, message.encoding, message.height, message.width, message.step,
        bool(message.is_bigendian))
    return Frame(pixels, encoding, camera, stamp_to_ns(message.header.stamp),
                 frame_id=message.header.frame_id)


def frame_from_compressed(message: CompressedImage, camera: str) -> Frame:
    """
    Decode a compressed image message (JPEG, PNG, whatever OpenCV reads) into a frame.

    :param camera: the camera's name.
    :raises FrameError: the data is damaged, or no picture.
    """
    pixels, encoding = decode_image(message.data, message.format)
    return Frame(pixels, encoding, camera, stamp_to_ns(message.header.stamp),
                 frame_id=message.header.frame_id)


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


def camera_info_message(camera: CameraModel, header: Header) -> CameraInfo:
    """Make the calibration message of a camera."""
    return CameraInfo(
        header=header, height=camera.height, width=camera.width,
        distortion_model=camera.distortion_model, d=list(camera.distortion),
        k=list(camera.k), r=list(camera.r), p=list(camera.p))


def ground_camera(info: CameraInfo, size: tuple[int, int], height: float, pitch: float
                  ) -> GroundCamera | None:
    """
    Return the calibration of a camera for images of `size`.

    The projection matrix ``P`` counts where it is given, else ``K``. Images are as the message
    says, cropped and binned, or the sensor's whole image, and either of these resized.

    :param size: (height, width) of the images.
    :param height: of the camera above the road, metres.
    :param pitch: downward tilt, radians.
    :return: None where the message says that the camera is not calibrated.
    :raises CameraError: the calibration is for images of another shape.
    """
    camera = camera_of_image(info, size)
    return None if camera is None else GroundCamera(*camera.pinhole, height, pitch)


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
