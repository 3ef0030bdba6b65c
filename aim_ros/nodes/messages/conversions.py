"""The only seam between ROS messages and arrays."""

import array
from collections.abc import Callable
from collections.abc import Mapping
from functools import cache

from builtin_interfaces.msg import Time
import cv2
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
import numpy as np
from sensor_msgs.msg import CameraInfo
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.raw import pixels_of
from aim_ros.perception.alert_report import value_text
from aim_ros.segmentation.labels import LabelSet

try:
    from vision_msgs.msg import LabelInfo
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


@cache
def image_decoder() -> Callable[[memoryview, str], tuple[np.ndarray, str]]:
    """
    Return `aim_ros.imaging.compressed.decode_image`.

    Its libraries take 0.1 s to import, for which a node of raw images should not wait.
    """
    from aim_ros.imaging.compressed import decode_image
    return decode_image


def frame_from_compressed(message: CompressedImage, camera: str) -> Frame:
    """
    Decode a compressed image message (JPEG, PNG, whatever OpenCV reads) into a frame.

    :param camera: the camera's name.
    :raises FrameError: the data is damaged, or no picture.
    """
    pixels, encoding = image_decoder()(message.data, message.format)
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


def probability_bytes(probabilities: np.ndarray) -> np.ndarray:
    """
    Return probabilities 0..1, float32, as bytes 0..255.

    Nav2's semantic segmentation layer reads bytes, whatever the encoding says.
    """
    return cv2.convertScaleAbs(probabilities, alpha=255)


def camera_info_message(camera: CameraModel, header: Header) -> CameraInfo:
    """Make the calibration message of a camera."""
    return CameraInfo(
        header=header, height=camera.height, width=camera.width,
        distortion_model=camera.distortion_model, d=list(camera.distortion),
        k=list(camera.k), r=list(camera.r), p=list(camera.p))


def status_message(level: int, name: str, message: str, hardware_id: str,
                   values: Mapping[str, object]) -> DiagnosticStatus:
    """Make a diagnostic status; floats get three decimals, booleans are lower case."""
    return DiagnosticStatus(
        level=bytes([level]), name=name, message=message, hardware_id=hardware_id,
        values=[KeyValue(key=key, value=value_text(value)) for key, value in values.items()])


def label_info_message(labels: LabelSet, header: Header) -> 'LabelInfo':
    """Make the message that names the ids in masks and detections."""
    return LabelInfo(header=header, class_map=[
        VisionClass(class_id=i, class_name=name) for i, name in enumerate(labels.names)])
