"""The shape of the network's input: the camera's own, at a budget of pixels."""

import math

INPUT_PIXELS = 256 * 832
"""Pixels of the network's input where nothing else is said."""

MULTIPLE = 32
"""SegFormer reduces its input 32 times: sides of such multiples lose nothing."""


def fitting_size(camera: tuple[int, int], pixels: int) -> tuple[int, int]:
    """
    Return the (height, width) of an input with about a camera's aspect ratio.

    :param camera: (height, width) of its images.
    :param pixels: how many pixels the input is to have about; an image is never enlarged for it.
    :return: multiples of `MULTIPLE`, each at least one.
    """
    height, width = camera
    scale = min(1.0, math.sqrt(pixels / (height * width)))
    return tuple(max(MULTIPLE, MULTIPLE * round(side * scale / MULTIPLE))
                 for side in (height, width))
