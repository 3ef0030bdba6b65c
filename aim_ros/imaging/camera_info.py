"""What sensor_msgs/CameraInfo says of a camera, for the image as it is delivered."""

from collections.abc import Sequence
from dataclasses import replace
import math
from typing import Any

import numpy as np

from aim_ros.imaging.camera import CameraError
from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.camera import same_shape

_WIDEST, _NARROWEST = 0.04, 100.0
"""Focal lengths in longer sides of the image: views of 171 and of 0.6 degrees."""

_MOST_ASPECT = 5.0
"""By how much the focal lengths may differ, as where rows are binned and columns are not."""

_OFF_AXIS = 0.5
"""By how many of its sides the optical axis may miss the sensor's image."""

_MOST_SKEW = 0.1
"""Of the focal length."""

_FARTHEST = 100.0
"""Metres between a camera and the one whose frame its points are in, as in a pair."""

_ORTHONORMAL = 0.01
"""By how much a rotation may fail to be one."""


def is_calibrated(info: Any) -> bool:
    """Whether a calibration message has a calibration that can be used."""
    try:
        return delivered_camera(info) is not None
    except CameraError:
        return False


def sensor_camera(info: Any, size: tuple[int, int] = (0, 0)) -> CameraModel | None:
    """
    Read a calibration message: the camera of the sensor's whole image.

    :param info: anything with the fields of sensor_msgs/CameraInfo.
    :param size: (height, width) of the images where the message has none; 0 if that is not known.
    :return: None where the message says that the camera is not calibrated: by focal lengths of 0.
    :raises CameraError: its numbers are those of no camera.
    """
    height, width = (info.height, info.width) if info.height and info.width else size
    k, r, p, d = (
        [float(value) for value in values] for values in (info.k, info.r, info.p, info.d))
    for name, values in (('K', k), ('R', r), ('P', p), ('D', d)):
        if not all(map(math.isfinite, values)):
            raise CameraError(f'{name} has numbers that are not finite: {_listed(values)}')
    of_k, of_p = (k[0], k[4], k[2], k[5]), (p[0], p[5], p[2], p[6])
    has_k, has_p = of_k[0] and of_k[1], of_p[0] and of_p[1]
    if not has_k and not has_p:
        return None
    if has_k:
        _check_intrinsics('K', of_k, k[1], height, width)
        _check_last_row('K', k[6:])
    if has_p:
        _check_intrinsics('P', of_p, p[1], height, width)
        _check_last_row('P', p[8:11])
        _check_offset(p)
    _check_rotation(r)
    return CameraModel(
        width, height, *(of_k if has_k else of_p), distortion=tuple(d),
        distortion_model=info.distortion_model, r=tuple(r), p=tuple(p) if has_p else ())


def _listed(values: Sequence[float]) -> str:
    return '[' + ', '.join(f'{value:g}' for value in values) + ']'


def _check_intrinsics(name: str, intrinsics: tuple[float, ...], skew: float, height: int,
                      width: int) -> None:
    """Raise CameraError unless (fx, fy, cx, cy) may be those of an image."""
    fx, fy, cx, cy = intrinsics
    text = f'{name} has focal lengths of {fx:g} and {fy:g} pixels'
    if min(fx, fy) <= 0:
        raise CameraError(f'{text}; they must be positive')
    if max(fx, fy) > _MOST_ASPECT * min(fx, fy):
        raise CameraError(f'{text}, whose ratio is that of no camera')
    if abs(skew) > _MOST_SKEW * fx:
        raise CameraError(f'{text} and a skew of {skew:g}; expected 0')
    if not (height and width):
        return
    longest = max(height, width)
    low, high = _WIDEST * longest, _NARROWEST * longest
    if not low <= min(fx, fy) <= max(fx, fy) <= high:
        raise CameraError(
            f'{text}; with images of {width}x{height} pixels they are between {low:g} and '
            f'{high:g}')
    if not (-_OFF_AXIS * width <= cx <= (1 + _OFF_AXIS) * width
            and -_OFF_AXIS * height <= cy <= (1 + _OFF_AXIS) * height):
        raise CameraError(
            f'{name} has the optical axis at ({cx:g}, {cy:g}), far outside of the images of '
            f'{width}x{height} pixels')


def _check_last_row(name: str, row: Sequence[float]) -> None:
    # Who leaves it out means no other.
    if any(row) and not np.allclose(row, (0, 0, 1), atol=1e-6):
        raise CameraError(f'{name} has the last row {_listed(row)}; expected [0, 0, 1]')


def _check_offset(p: Sequence[float]) -> None:
    offset = p[3] / p[0], p[7] / p[5], p[11]
    if max(map(abs, offset)) > _FARTHEST:
        raise CameraError(f'P is that of a camera {max(map(abs, offset)):g} m away from its own '
                          f'frame; at most {_FARTHEST:g} m can be')


def _check_rotation(r: Sequence[float]) -> None:
    matrix = np.reshape(r, (3, 3))
    # Who leaves it out turns nothing.
    if any(r) and not (np.allclose(matrix @ matrix.T, np.eye(3), atol=_ORTHONORMAL)
                       and np.linalg.det(matrix) > 0):
        raise CameraError(f'R is no rotation: {_listed(r)}')


def delivered_camera(info: Any) -> CameraModel | None:
    """
    Read a calibration message: the camera of the image as it is delivered, cropped, then binned.

    :param info: anything with the fields of sensor_msgs/CameraInfo.
    :return: None where the message says that the camera is not calibrated.
    :raises CameraError: its numbers are those of no camera.
    """
    camera = sensor_camera(info)
    return None if camera is None else _delivered(camera, info)


def _delivered(camera: CameraModel, info: Any) -> CameraModel:
    roi = info.roi
    if roi.width and roi.height:
        if camera.width and (roi.x_offset + roi.width > camera.width
                             or roi.y_offset + roi.height > camera.height):
            raise CameraError(
                f'roi is {roi.width}x{roi.height} pixels at ({roi.x_offset}, {roi.y_offset}), '
                f'which the images of {camera.width}x{camera.height} do not hold')
        camera = camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    across, down = max(info.binning_x, 1), max(info.binning_y, 1)
    if camera.width and (across > camera.width or down > camera.height):
        raise CameraError(f'binning is {across}x{down}, more than the {camera.width}x'
                          f'{camera.height} pixels of the images')
    return camera.binned(across, down)


def camera_of_image(info: Any, size: tuple[int, int]) -> CameraModel | None:
    """
    Read a calibration message for images of `size`.

    They may be as the message says, cropped and binned, or the sensor's whole image, and either
    of these resized.

    :param info: anything with the fields of sensor_msgs/CameraInfo.
    :param size: (height, width) of the images, pixels.
    :return: None where the message says that the camera is not calibrated.
    :raises CameraError: the calibration is for images of another shape, or that of no camera.
    """
    whole = sensor_camera(info, size)
    if whole is None:
        return None
    if not info.width or not info.height:
        # Who leaves out the size calibrated the images as they are.
        return replace(whole, height=size[0], width=size[1])
    delivered = _delivered(whole, info)
    cameras = (delivered, whole)
    for fits in (lambda camera: camera.size == size, lambda camera: same_shape(size, camera.size)):
        for camera in cameras:
            if fits(camera):
                return camera.scaled(size)
    return delivered.scaled(size)
