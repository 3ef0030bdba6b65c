"""Images and calibrations as messages of a recording."""

from typing import Any

import cv2
import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.compressed import decode_image
from aim_ros.imaging.frame import Frame
from aim_ros.imaging.frame import FrameError
from aim_ros.imaging.raw import pixels_of
from aim_ros.media.bag_types import CAMERA_INFO
from aim_ros.media.bag_types import COMPRESSED
from aim_ros.media.bag_types import IMAGE
from aim_ros.media.bag_types import new

FORMATS = {'jpeg': ('.jpg', [cv2.IMWRITE_JPEG_QUALITY, 95]), 'png': ('.png', [])}
"""What images may be compressed to: the ending and the parameters of OpenCV."""


def header(stamp_ns: int, frame_id: str) -> Any:
    """
    Make a header.

    :param stamp_ns: nanoseconds.
    """
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return new('std_msgs/Header', frame_id=frame_id, stamp=new(
        'builtin_interfaces/Time', sec=seconds, nanosec=nanoseconds))


def header_of(frame: Frame) -> Any:
    """Make the header of a frame."""
    return header(frame.stamp_ns, frame.frame_id)


def image(pixels: np.ndarray, encoding: str, header: Any) -> Any:
    """
    Make an image message.

    :param pixels: (H, W) or (H, W, C), of the dtype that `encoding` names.
    """
    pixels = np.ascontiguousarray(pixels)
    return new(
        IMAGE, header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
        is_bigendian=0, step=pixels.strides[0], data=pixels.reshape(-1).view(np.uint8))


def compressed_image(frame: Frame, kind: str) -> Any:
    """
    Make a compressed image message, named as image_transport does.

    :param kind: one of `FORMATS`.
    """
    colour = frame.encoding != 'mono8'
    pixels = frame.image[:, :, frame.rgb_channels[::-1]] if colour else frame.image
    ending, parameters = FORMATS[kind]
    _, data = cv2.imencode(ending, np.ascontiguousarray(pixels), parameters)
    stored = 'bgr8' if colour else 'mono8'
    return new(COMPRESSED, header=header_of(frame), data=data.reshape(-1),
               format=f'{stored}; {kind} compressed {stored}')


def camera_info(camera: CameraModel, header: Any) -> Any:
    """Make the calibration message of a camera."""
    return new(
        CAMERA_INFO, header=header, height=camera.height, width=camera.width,
        distortion_model=camera.distortion_model, d=np.array(camera.distortion, np.float64),
        k=np.array(camera.k, np.float64), r=np.array(camera.r, np.float64),
        p=np.array(camera.p, np.float64), binning_x=0, binning_y=0,
        roi=new('sensor_msgs/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0,
                do_rectify=False))


def pixels(message: Any) -> tuple[np.ndarray, str]:
    """
    Return the pixels of an image message, raw or compressed, and their encoding.

    :return: uint8 (H, W, C), a view where the encoding allows; and one of `ENCODINGS`.
    :raises FrameError: it is not a whole image of an encoding that can be taken.
    """
    if message.__msgtype__ == COMPRESSED:
        return decode_image(message.data, message.format)
    if message.__msgtype__ != IMAGE:
        raise FrameError(f'a {message.__msgtype__} is no image')
    return pixels_of(message.data, message.encoding, message.height, message.width, message.step,
                     bool(message.is_bigendian))
