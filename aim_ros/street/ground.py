"""The ground: one repeating stretch of road, pavement and grass, seen in perspective."""

from dataclasses import dataclass

import cv2
import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.street.canvas import CAMERA_HEIGHT
from aim_ros.street.canvas import Canvas
from aim_ros.street.light import Light
from aim_ros.street.surface import COLUMNS
from aim_ros.street.surface import CrossSection
from aim_ros.street.surface import HALF_WIDTH
from aim_ros.street.surface import ROWS
from aim_ros.street.surface import STEP_X
from aim_ros.street.surface import SurfacePainter
from aim_ros.street.textures import to_bytes

_GRAIN = 512  # texels of the tile that roughens the ground near the camera
_GRAIN_X, _GRAIN_Z, _GRAIN_REACH = 0.008, 0.02, 26.0  # metres


class Ground:
    """The ground of one seed: `length` metres, repeated, with a crossing `zebra` wide at z = 0."""

    def __init__(self, rng: np.random.Generator, section: CrossSection, length: float,
                 model: CameraModel, light: Light, zebra: float):
        self._length = length
        self._width = model.width
        # The first row below the horizon, and how far away each row is from there on.
        self._top = int(np.floor(model.cy)) + 1
        rows = np.arange(self._top, model.height)
        self._depth = (model.fy * CAMERA_HEIGHT / (rows - model.cy)).astype(np.float32)
        ray = ((np.arange(model.width) - model.cx) / model.fx).astype(np.float32)
        across = self._depth[:, None] * ray

        painter = SurfacePainter(rng, section, length, zebra)
        colour, self._labels = painter.paint()
        self._label_x = np.clip((across + HALF_WIDTH) / STEP_X, 0, COLUMNS - 1).astype(np.int32)
        self._bands = self._make_bands(model, colour, across)
        self._near = int(np.count_nonzero(self._depth > _GRAIN_REACH))
        self._grain_x = across[self._near :] / _GRAIN_X
        noise = rng.normal(0, 22, (_GRAIN, _GRAIN)).astype(np.float32)
        noise = 128 + cv2.GaussianBlur(noise, (0, 0), 0.8)
        self._grain = to_bytes(np.repeat(noise[..., None], 3, axis=2))
        share = 1 - np.exp(-self._depth / light.haze_distance)[:, None, None]
        shape = (len(rows), model.width, 3)
        self._clear = np.broadcast_to(to_bytes(255 * (1 - share)), shape).copy()
        self._veil = np.broadcast_to(to_bytes(light.sky_low * share), shape).copy()

    def draw(self, canvas: Canvas) -> None:
        """Fill all rows below the horizon, colours and labels."""
        z = canvas.view.z
        step = self._length / ROWS
        for band in self._bands:
            depth = self._depth[band.first - self._top : band.last - self._top]
            # Counted from the start of the stretch where the band's nearest row is: the numbers
            # stay small, and go past the end only where the texture repeats.
            start = np.floor((depth[-1] + z) / self._length) * self._length
            y = (depth + (z - start)) / (step * band.shrink) - 0.5
            canvas.image[band.first : band.last] = cv2.remap(
                band.texture, band.map_x, self._broadcast(y), cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_WRAP,
            )
        texel = (np.mod(self._depth + z, self._length) / step).astype(np.int32)
        index = np.minimum(texel, ROWS - 1)[:, None] * COLUMNS + self._label_x
        canvas.labels[self._top :] = np.take(self._labels, index)

        area = canvas.image[self._top + self._near :]
        y = (self._depth[self._near :] + z) / _GRAIN_Z
        grain = cv2.remap(
            self._grain, self._grain_x, self._broadcast(y - np.floor(y[-1] / _GRAIN) * _GRAIN),
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP,
        )
        area[:] = cv2.addWeighted(area, 1, grain, 1, -128)
        area = canvas.image[self._top :]
        area[:] = cv2.add(cv2.multiply(area, self._clear, scale=1 / 255), self._veil)

    def darken(self, canvas: Canvas, light: Light, polygons: list[np.ndarray]) -> None:
        """Lay shadows, given as polygons (N, 2: x, z), on the ground."""
        near, far = canvas.view.z + 2.0, canvas.view.z + 90.0
        points = np.concatenate(polygons)
        ends = np.cumsum([len(polygon) for polygon in polygons])
        starts = ends - [len(polygon) for polygon in polygons]
        first = np.minimum.reduceat(points[:, 1], starts)
        last = np.maximum.reduceat(points[:, 1], starts)
        z = np.clip(points[:, 1], near, far + 60)
        uv = canvas.view.project(np.stack((points[:, 0], np.zeros(len(z)), z), axis=1))
        fixed = np.round(np.clip(uv - (0, self._top), -30000, 30000) * 16).astype(np.int32)
        shade = np.zeros((canvas.size[0] - self._top, self._width), np.uint8)
        for index in np.flatnonzero((last > near) & (first < far)).tolist():
            cv2.fillPoly(shade, [fixed[starts[index] : ends[index]]], 255, cv2.LINE_AA, 4)
        shade = cv2.blur(shade, (5, 3))
        factor = cv2.addWeighted(shade, -0.22 - 0.24 * light.sunny, shade, 0, 255)
        area = canvas.image[self._top :]
        area[:] = cv2.multiply(area, cv2.cvtColor(factor, cv2.COLOR_GRAY2RGB), scale=1 / 255)

    def _broadcast(self, rows):
        return np.repeat(rows.astype(np.float32)[:, None], self._width, axis=1)

    def _make_bands(self, model, colour, across):
        # A row covers depth^2 / (f h) of the road's length, so far rows need a shorter texture.
        texels = self._depth**2 / (model.fy * CAMERA_HEIGHT) / (self._length / ROWS)
        level = np.clip(np.log2(np.maximum(texels, 1)) + 0.3, 0, 8).astype(int)
        bands = []
        for step in range(8, -1, -1):
            inside = np.flatnonzero(level == step)
            if inside.size:
                shrink, shrink_x = 2**step, 2 ** (step // 2)
                texture = cv2.resize(colour, (COLUMNS // shrink_x, ROWS // shrink),
                                     interpolation=cv2.INTER_AREA)
                map_x = (across[inside] + HALF_WIDTH) / (STEP_X * shrink_x) - 0.5
                map_x = np.clip(map_x, 0, texture.shape[1] - 1)
                first, last = self._top + int(inside[0]), self._top + int(inside[-1]) + 1
                bands.append(_Band(first, last, shrink, texture, map_x))
        return bands


@dataclass(frozen=True, eq=False)
class _Band:
    """Rows of the image whose texels have about the same size, and the texture for them."""

    first: int
    last: int
    shrink: int
    texture: np.ndarray
    map_x: np.ndarray
