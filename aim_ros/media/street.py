"""The rendered street as a source of frames."""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import as_rate
from aim_ros.media.frames import check_range
from aim_ros.media.frames import check_stamp
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import OnLoss
from aim_ros.media.frames import regular_stamp
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import View
from aim_ros.street.layout import Layout
from aim_ros.street.story import PERIOD
from aim_ros.street.textures import fractal
from aim_ros.street.textures import sky
from aim_ros.street.textures import to_bytes

REACH = 110.0  # metres; beyond it things of the street are too small to matter
SKY, VEGETATION = 10, 8


@dataclass(frozen=True)
class StreetObject:
    """
    One thing of a frame, as the street's ground truth.

    :param kind: person, cyclist, car, bicycle, traffic light or traffic sign.
    :param distance: from the camera along the road, metres.
    :param box: (x, y, width, height) in pixels, cut at the image's border but not where something
        nearer hides the thing.
    """

    kind: str
    distance: float
    box: tuple[int, int, int, int]


class Street:
    """
    A drive along a street that is painted frame by frame, with exact labels.

    The driver comes to a crossing, stops for somebody who crosses at a red light, and goes on when
    it turns green; cars are parked and drive, people walk, cyclists ride. The same seed and size
    give the same frames, whatever was asked for before.

    Images are rgb8. The ground is flat and the camera looks straight ahead from 1.65 m, so a thing
    that stands on the road with its foot at row `v` is `fy * 1.65 / (v - cy)` metres away.

    :param seed: draws everything: light, layout, colours, people; at least 0.
    :param frames: how many, at least 1.
    :param size: (height, width) of the images, pixels.
    :param rate: Hz.
    :raises ValueError: a number is out of range.
    """

    def __init__(self, seed: int = 0, frames: int = 120, size: tuple[int, int] = (375, 1242),
                 rate: float = 10.0):
        height, width = size
        if seed < 0 or frames < 1 or min(size) < 32 or max(size) > 8192 or not rate > 0:
            raise ValueError(
                'the street needs a seed of 0 or more, at least 1 frame, 32 to 8192 pixels each '
                f'way and a rate above 0; got {seed}, {frames}, {height}x{width} and {rate}'
            )
        # KITTI's camera, scaled to the width that is asked for.
        focal = 721.5377 * width / 1242
        self.camera = CameraModel(
            width, height, fx=focal, fy=focal, cx=0.4908 * width, cy=0.461 * height
        )
        self.name = f'rendered street, seed {seed}'
        self.rate = rate
        self._frames, self._seed = frames, seed
        # A short drive shows the middle of the story, when somebody is on the road.
        self._start = -min(frames / rate, PERIOD * 0.75) / 2

    def __len__(self) -> int:
        return self._frames

    def frames(self, start: int = 0, every: int = 1, on_loss: OnLoss | None = None
               ) -> Iterator[Frame]:
        """Yield the frames from `start` on, none of which is ever lost; see `FrameSource`."""
        check_range(start, every)
        for index in range(start, self._frames, every):
            image, labels = self._render(index)
            stamp_ns = regular_stamp(index, self.rate)
            yield Frame(
                image, 'rgb8', stamp_ns=stamp_ns, recorded_ns=stamp_ns, index=index,
                camera_model=self.camera, labels=labels)

    def objects(self, index: int) -> tuple[StreetObject, ...]:
        """
        List what is in the picture of a frame.

        :param index: of the frame, from 0.
        :return: nearest first.
        """
        view, time = self._view(index)
        found = []
        fixed = [t for block in self._layout.blocks(view.z, REACH) for t in block.fixed]
        things = self._between(view, [*self._moving(view, time), *fixed])
        for thing in (thing for thing in things if hasattr(thing, 'extent')):
            uv = view.project(thing.extent())
            x0, y0 = np.maximum(np.floor(uv.min(axis=0)), 0).astype(int).tolist()
            x1, y1 = np.ceil(uv.max(axis=0)).astype(int).tolist()
            x1, y1 = min(x1, self.camera.width), min(y1, self.camera.height)
            if x1 > x0 and y1 > y0:
                box = (x0, y0, x1 - x0, y1 - y0)
                found.append(StreetObject(thing.kind, float(thing.z - view.z), box))
        return tuple(sorted(found, key=lambda thing: thing.distance))

    # The street is built when its first frame is asked for: it takes about a second.
    @cached_property
    def _layout(self):
        return Layout(self._seed, self.camera)

    @cached_property
    def _backdrop(self):
        """The sky with the trees at the street's end."""
        rng = np.random.default_rng((self._seed, 3))
        light, camera = self._layout.light, self.camera
        canvas = Canvas(View(camera, 0.0), light)
        canvas.image[:] = sky(rng, canvas.size, camera.cy, light.sky_top, light.sky_low)
        canvas.labels[:] = SKY
        canvas.paste(_street_end(rng, camera, light), 0, 0, VEGETATION, 0.0)
        return canvas

    @cached_property
    def _noise(self):
        rng = np.random.default_rng((self._seed, 4))
        noise = rng.normal(0, 3.6, (self.camera.height + 64, self.camera.width + 64, 3))
        noise[..., 1] *= 0.8  # a sensor has twice as many green cells
        return to_bytes(128 + cv2.GaussianBlur(noise, (0, 0), 0.45))

    def _view(self, index):
        time = self._start + index / self.rate
        return View(self.camera, self._layout.driver(time)), time

    def _moving(self, view, time):
        """Everybody who moves, and the traffic lights, far things first."""
        layout = self._layout
        things = [layout.leader(time)]
        # Some have left the block that they belong to.
        for block in layout.blocks(view.z - layout.length, REACH + 2 * layout.length):
            things += layout.actors(block, time)
        return self._between(view, things)

    def _between(self, view, things, reach=REACH):
        """Leave out what is behind the camera or too far, and put far things first."""
        near, far = view.z + 1.2, view.z + reach
        inside = (thing for thing in things if near < thing.depth < far)
        return sorted(inside, key=lambda thing: -thing.depth)

    def _render(self, index):
        view, time = self._view(index)
        light = self._layout.light
        canvas = Canvas(view, light)
        canvas.image[:] = self._backdrop.image
        canvas.labels[:] = self._backdrop.labels
        self._layout.ground.draw(canvas)

        blocks = self._layout.blocks(view.z, REACH)[::-1]
        moving = self._moving(view, time)
        things = self._between(view, [*moving, *(t for block in blocks for t in block.fixed)])
        shadows = [polygon for block in blocks for polygon in block.shadows]
        shadows += [polygon for thing in moving for polygon in thing.shadows(light)]
        self._layout.ground.darken(canvas, light, shadows)
        for block in blocks:
            for front in block.fronts:
                front.draw(canvas, light)
        for block in blocks:
            for plant in self._between(view, block.gardens, 0.7 * REACH):
                plant.draw(canvas, light)
        for block in blocks:
            for boundary in block.boundaries[::-1]:
                boundary.draw(canvas, light)
        for thing in things:
            thing.draw(canvas, light)
        return self._record(canvas.image, index), canvas.labels

    def _record(self, image, index):
        """Let the lens soften the picture and the sensor add its noise."""
        image = cv2.GaussianBlur(image, (3, 3), 0.55)
        image = cv2.LUT(image, self._layout.light.tone)
        rng = np.random.default_rng((self._seed, 5, index))
        top, left = rng.integers(0, 64, 2)
        height, width = image.shape[:2]
        noise = self._noise[top : top + height, left : left + width]
        return cv2.addWeighted(image, 1, noise, 1, -128)


def open_street(options: Mapping[str, Any]) -> Street:
    """
    Open the street.

    :param options: ``seed``, ``frames``, ``size`` as in ``375x1242``, ``rate``; maybe strings.
    :raises MediaError: an option is wrong.
    """
    converters = {'seed': int, 'frames': int, 'size': _as_size, 'rate': as_rate}
    try:
        street = Street(**convert_options('the street', options, converters))
    except ValueError as error:
        raise MediaError(str(error)) from None
    check_stamp(regular_stamp(len(street), street.rate), street.name)
    return street


def _as_size(value: Any) -> tuple[int, int]:
    if isinstance(value, str):
        height, times, width = value.partition('x')
        if not times:
            raise ValueError('a size is height x width, such as 375x1242')
        value = (height, width)
    height, width = value
    return int(height), int(width)


def _street_end(rng, camera, light) -> np.ndarray:
    """Paint the trees in the haze at the end of the street: premultiplied RGBA from row 0 on."""
    height, width = camera.height, camera.width
    scale = camera.fx / 721.5
    outline = fractal(rng, (1, width), 160 * scale, 6)[0]
    tops = camera.cy - (9 + 6 * outline) * scale
    bottom = min(int(camera.cy) + 2, height)
    rows = np.arange(bottom)[:, None]
    cover = np.clip(rows - tops[None], 0, 1)
    green = np.float32((92, 104, 84))
    share = 1 - np.exp(-150 / light.haze_distance)
    colour = green + (np.float32(light.sky_low) - green) * share
    return to_bytes(np.dstack((cover[..., None] * colour, 255 * cover)))
