"""What the camera adds to what it sees: the softness of its lens, its tone and its noise."""

import cv2
import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.street.textures import to_bytes

_MARGIN = 64  # pixels by which the noise is larger than an image, to begin elsewhere in each


class Sensor:
    """
    Records images; the same seed and index give the same noise.

    :param seed: of the noise.
    :param camera: whose images they are.
    :param tone: uint8 (256,), for each level the one that is recorded.
    """

    def __init__(self, seed: int, camera: CameraModel, tone: np.ndarray):
        self._seed = seed
        self._tone = tone
        rng = np.random.default_rng((seed, 4))
        noise = rng.normal(0, 3.6, (camera.height + _MARGIN, camera.width + _MARGIN, 3))
        noise[..., 1] *= 0.8  # a sensor has twice as many green cells
        self._noise = to_bytes(128 + cv2.GaussianBlur(noise, (0, 0), 0.45))

    def record(self, image: np.ndarray, index: int) -> np.ndarray:
        """
        Return an image as the sensor has it.

        :param image: uint8 (H, W, 3).
        :param index: of the frame.
        """
        image = cv2.GaussianBlur(image, (3, 3), 0.55)
        image = cv2.LUT(image, self._tone)
        rng = np.random.default_rng((self._seed, 5, index))
        top, left = rng.integers(0, _MARGIN, 2)
        height, width = image.shape[:2]
        noise = self._noise[top : top + height, left : left + width]
        return cv2.addWeighted(image, 1, noise, 1, -128)
