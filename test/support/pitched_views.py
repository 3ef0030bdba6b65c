"""Views of a camera that pitches."""

import math

import cv2
import numpy as np

from aim_ros.hazards.colours import Picture
from aim_ros.hazards.geometry import GroundCamera

SIZE = (375, 1242)
CAMERA = GroundCamera(fx=721, fy=721, cx=610, cy=173, height=1.65)


def view(seed=0, size=SIZE):
    """Return a view with details of many sizes, larger than the image by 40 rows."""
    generator = np.random.default_rng(seed)
    height, width = size[0] + 40, size[1]
    image = np.zeros((height, width), np.float32)
    for cell in (4, 16, 64):
        coarse = generator.normal(0, 1, (height // cell + 2, width // cell + 2))
        image += cell**0.5 * cv2.resize(coarse.astype(np.float32), (width, height))
    return cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)


def picture(whole, rows, order=(0, 1, 2)):
    """
    Return what is seen of a view as everything in it is lower by so many rows.

    :param order: of red, green and blue; all of it is green.
    """
    shift = np.float32([[1, 0, 0], [0, 1, rows - 20]])
    height, width = whole.shape[0] - 40, whole.shape[1]
    moved = np.rint(cv2.warpAffine(whole, shift, (width, height), flags=cv2.INTER_LINEAR))
    image = np.zeros((height, width, 3), np.uint8)
    image[..., order[1]] = moved
    return Picture(image, order)


def bumps(frames, rows=4.0):
    """Return by how many rows everything is lower in each frame, at 10 Hz."""
    return rows * np.sin(2 * math.pi * 0.13 * np.arange(frames))
