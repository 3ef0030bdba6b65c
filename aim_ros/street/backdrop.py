"""What lies behind the street: the sky, and the trees in the haze at its end."""

import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import View
from aim_ros.street.light import Light
from aim_ros.street.textures import fractal
from aim_ros.street.textures import sky
from aim_ros.street.textures import to_bytes

SKY, VEGETATION = 10, 8
_END = 150  # metres to the trees


def paint_backdrop(seed: int, camera: CameraModel, light: Light) -> Canvas:
    """Return a canvas with what is the same in every frame: all that is too far to come nearer."""
    rng = np.random.default_rng((seed, 3))
    canvas = Canvas(View(camera, 0.0), light)
    canvas.image[:] = sky(rng, canvas.size, camera.cy, light.sky_top, light.sky_low)
    canvas.labels[:] = SKY
    canvas.paste(_trees(rng, camera, light), 0, 0, VEGETATION, 0.0)
    return canvas


def _trees(rng: np.random.Generator, camera: CameraModel, light: Light) -> np.ndarray:
    """Return the trees at the end of the street: premultiplied RGBA from row 0 on."""
    height, width = camera.height, camera.width
    scale = camera.fx / 721.5
    outline = fractal(rng, (1, width), 160 * scale, 6)[0]
    tops = camera.cy - (9 + 6 * outline) * scale
    bottom = min(int(camera.cy) + 2, height)
    rows = np.arange(bottom)[:, None]
    cover = np.clip(rows - tops[None], 0, 1)
    green = np.float32((92, 104, 84))
    share = 1 - np.exp(-_END / light.haze_distance)
    colour = green + (np.float32(light.sky_low) - green) * share
    return to_bytes(np.dstack((cover[..., None] * colour, 255 * cover)))
