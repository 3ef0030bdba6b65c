"""The rendered street as a source of frames."""

from collections.abc import Container
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from typing import Any
from typing import NamedTuple

import numpy as np

from aim_ros.imaging.camera import CameraModel
from aim_ros.imaging.frame import Frame
from aim_ros.media.frames import as_rate
from aim_ros.media.frames import as_real
from aim_ros.media.frames import as_whole
from aim_ros.media.frames import check_range
from aim_ros.media.frames import check_stamp
from aim_ros.media.frames import convert_options
from aim_ros.media.frames import MediaError
from aim_ros.media.frames import OnLoss
from aim_ros.media.frames import regular_stamp
from aim_ros.street.backdrop import paint_backdrop
from aim_ros.street.canvas import Canvas
from aim_ros.street.canvas import View
from aim_ros.street.layout import Layout
from aim_ros.street.layout import WEATHERS
from aim_ros.street.order import far_first
from aim_ros.street.rocking import MAX_DEGREES
from aim_ros.street.rocking import Rocking
from aim_ros.street.scenes import SCENES
from aim_ros.street.sensor import Sensor
from aim_ros.street.story import PERIOD

REACH = 110.0  # metres; beyond it things of the street are too small to matter
KINDS = ('person', 'cyclist', 'car', 'truck', 'bus', 'train', 'bicycle', 'traffic light',
         'traffic sign')
BLOCK_IDS, FIXED = 1000, 500
"""So many ids belong to a block, from `FIXED` on those of what does not move."""


@dataclass(frozen=True)
class StreetObject:
    """
    One thing of a frame, as the street's ground truth.

    :param kind: one of `KINDS`.
    :param distance: of its middle from the camera along the road, metres; below 0 for a long
        vehicle that is mostly behind the camera.
    :param box: (x, y, width, height) in pixels, cut at the image's border but not where something
        nearer hides the thing.
    :param track_id: its own in all frames of a street.
    :param visible: the box of what is seen of it; only from `Street.truth`.
    :param share: how much of it is seen, 0..1; only from `Street.truth`.
    :param truncated: whether the image's border cuts it.
    """

    kind: str
    distance: float
    box: tuple[int, int, int, int]
    track_id: int = 0
    visible: tuple[int, int, int, int] = (0, 0, 0, 0)
    share: float = 0.0
    truncated: bool = False


class _Picture(NamedTuple):
    """What is in the picture: its image, the classes of its pixels, and whose they are."""

    image: np.ndarray
    labels: np.ndarray
    owners: np.ndarray


class Street:
    """
    A drive along a street that is painted frame by frame, with exact labels.

    The driver comes to a crossing, stops for somebody who crosses at a red light, and goes on when
    it turns green; cars are parked and drive, people walk, cyclists ride. The same seed and size
    give the same frames, whatever was asked for before. Only the scene 'traffic' has trucks,
    buses and trams.

    Images are rgb8. The ground is flat and the camera looks straight ahead from 1.65 m, so a thing
    that stands on the road with its foot at row `v` is `fy * 1.65 / (v - cy)` metres away, unless
    the camera pitches.

    :param seed: draws everything: light, layout, colours, people; at least 0.
    :param frames: how many, at least 1.
    :param size: (height, width) of the images, pixels.
    :param rate: Hz.
    :param scene: what is staged at the crossings besides, one of `SCENES`; '' for nothing.
    :param weather: '', 'dusk' or 'rain'.
    :param pitch: standard deviation of the angle by which the camera pitches, degrees; see
        `Rocking`. The camera's calibration knows nothing of it.
    :raises ValueError: a number is out of range.
    """

    def __init__(self, seed: int = 0, frames: int = 120, size: tuple[int, int] = (375, 1242),
                 rate: float = 10.0, scene: str = '', weather: str = '', pitch: float = 0.0):
        height, width = size
        if scene and scene not in SCENES:
            raise ValueError(f'the street has no scene {scene!r}; scenes: {", ".join(SCENES)}')
        if weather not in WEATHERS:
            raise ValueError(
                f'the street has no weather {weather!r}; weathers: '
                f'{", ".join(filter(None, WEATHERS))}')
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
        if not 0 <= pitch <= MAX_DEGREES:
            raise ValueError(
                f'the street pitches by 0 to {MAX_DEGREES:g} degrees; got {pitch:g}')
        self._rocking = Rocking(seed, pitch, focal)
        # It is painted upright, with what may come into the picture above and below.
        self._upright = replace(
            self.camera, height=height + 2 * self._rocking.reach,
            cy=self.camera.cy + self._rocking.reach)
        self.name = ', '.join(filter(None, (
            f'rendered street, seed {seed}', scene, weather, pitch and f'pitch {pitch:g}')))
        self.rate = rate
        self._scene, self._weather = scene, weather
        self._rendered: tuple[int, _Picture] | None = None
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
            picture = self._render(index)
            stamp_ns = regular_stamp(index, self.rate)
            yield Frame(
                self._sensor.record(picture.image, index), 'rgb8', stamp_ns=stamp_ns,
                recorded_ns=stamp_ns, index=index, camera_model=self.camera,
                labels=picture.labels)

    def objects(self, index: int) -> tuple[StreetObject, ...]:
        """
        List what is in the picture of a frame.

        :param index: of the frame, from 0.
        :return: nearest first.
        """
        view, time = self._view(index)
        found, above = [], self._above(time)
        for track_id, thing in self._things(view, time):
            if not hasattr(thing, 'extent'):
                continue
            uv = view.project(thing.extent()) - (0, above)
            whole = np.concatenate((np.floor(uv.min(axis=0)), np.ceil(uv.max(axis=0)))).astype(int)
            x0, y0 = np.maximum(whole[:2], 0).tolist()
            x1, y1 = np.minimum(whole[2:], (self.camera.width, self.camera.height)).tolist()
            if x1 > x0 and y1 > y0:
                found.append(StreetObject(
                    thing.kind, float(thing.z - view.z), (x0, y0, x1 - x0, y1 - y0), track_id,
                    truncated=whole.tolist() != [x0, y0, x1, y1]))
        return tuple(sorted(found, key=lambda thing: thing.distance))

    def truth(self, index: int, kinds: Container[str] = KINDS) -> tuple[StreetObject, ...]:
        """
        List what is seen in the picture of a frame: as `objects`, but without what is hidden.

        :param index: of the frame, from 0.
        :param kinds: those that are listed.
        :return: nearest first.
        """
        owners = self._render(index).owners
        view, time = self._view(index)
        things = dict(self._things(view, time))
        found = []
        for thing in self.objects(index):
            if thing.kind not in kinds:
                continue
            x, y, width, height = thing.box
            # A person's hair may stick out by a pixel or two.
            x, y = max(x - 4, 0), max(y - 4, 0)
            rows, columns = np.nonzero(
                owners[y:y + height + 8, x:x + width + 8] == thing.track_id)
            if len(rows):
                left, top = int(columns.min()), int(rows.min())
                box = (x + left, y + top, int(columns.max()) - left + 1, int(rows.max()) - top + 1)
                alone = Canvas(view, self._layout.light, owners=True)
                alone.owner = thing.track_id
                things[thing.track_id].draw(alone, self._layout.light)
                whole = int((self._cut(alone, time).owners == thing.track_id).sum())
                found.append(replace(thing, visible=box, share=len(rows) / max(whole, 1)))
        return tuple(found)

    # The street is built when its first frame is asked for: it takes about a second.
    @cached_property
    def _layout(self):
        return Layout(self._seed, self._upright, self._scene, self._weather)

    @cached_property
    def _backdrop(self):
        return paint_backdrop(self._seed, self._upright, self._layout.light)

    @cached_property
    def _sensor(self):
        return Sensor(self._seed, self.camera, self._layout.light.tone)

    def _view(self, index):
        time = self._start + index / self.rate
        return View(self._upright, self._layout.driver(time)), time

    def _above(self, time):
        """Return how many rows that are painted lie above the picture."""
        return self._rocking.reach - self._rocking.rows(time)

    def _cut(self, canvas, time):
        """Return what of a canvas is in the picture."""
        above = self._above(time)
        return _Picture(*(painted[above:above + self.camera.height] for painted in (
            canvas.image, canvas.labels, canvas.owners)))

    def _moving(self, view, time):
        """Everybody who moves, and the traffic lights, with their ids."""
        layout = self._layout
        things = [(1, layout.leader(time))]
        # Some have left the block that they belong to.
        for block in layout.blocks(view.z - layout.length, REACH + 2 * layout.length):
            things += _numbered(block, 0, layout.actors(block, time))
        return things

    def _things(self, view, time):
        """All that stands or moves near the road, with ids, far things first."""
        things = self._moving(view, time)
        for block in self._layout.blocks(view.z, REACH):
            things += _numbered(block, FIXED, block.fixed)
        return far_first(view, things, REACH, of=itemgetter(1))

    def _render(self, index):
        """Return the picture of a frame; the last one is kept, as its truth may be asked for."""
        if self._rendered is None or self._rendered[0] != index:
            view, time = self._view(index)
            self._rendered = index, self._cut(self._paint(view, time), time)
        return self._rendered[1]

    def _paint(self, view, time):
        light = self._layout.light
        canvas = Canvas(view, light, owners=True)
        canvas.image[:] = self._backdrop.image
        canvas.labels[:] = self._backdrop.labels
        self._layout.ground.draw(canvas)

        blocks = self._layout.blocks(view.z, REACH)[::-1]
        moving = far_first(view, [thing for _, thing in self._moving(view, time)], REACH)
        shadows = [polygon for block in blocks for polygon in block.shadows]
        shadows += [polygon for thing in moving for polygon in thing.shadows(light)]
        self._layout.ground.darken(canvas, light, shadows)
        for block in blocks:
            for front in block.fronts:
                front.draw(canvas, light)
        for block in blocks:
            for plant in far_first(view, block.gardens, 0.7 * REACH):
                plant.draw(canvas, light)
        for block in blocks:
            for boundary in block.boundaries[::-1]:
                boundary.draw(canvas, light)
        for canvas.owner, thing in self._things(view, time):
            thing.draw(canvas, light)
        return canvas


def _numbered(block, first, things):
    """Return things of a block with ids that are theirs in every frame."""
    index = round(block.time / PERIOD)
    # Whole numbers that are never negative: blocks lie on both sides of the first.
    start = BLOCK_IDS * (2 * index + 1 if index >= 0 else -2 * index) + first
    return [(start + number, thing) for number, thing in enumerate(things)]


def open_street(options: Mapping[str, Any]) -> Street:
    """
    Open the street.

    :param options: ``seed``, ``frames``, ``size`` as in ``375x1242``, ``rate``, ``scene``,
        ``weather``, ``pitch``; maybe strings.
    :raises MediaError: an option is wrong.
    """
    converters = {'seed': as_whole, 'frames': as_whole, 'size': _as_size, 'rate': as_rate,
                  'scene': str, 'weather': str, 'pitch': as_real}
    try:
        street = Street(**convert_options('the street', options, converters))
    except ValueError as error:
        raise MediaError(str(error)) from None
    check_stamp(regular_stamp(len(street), street.rate), street.name)
    return street


def _as_size(value: Any) -> tuple[int, int]:
    if isinstance(value, str):
        value = value.split('x')
    try:
        height, width = map(int, value)
    except ValueError:
        raise ValueError('a size is height x width, such as 375x1242') from None
    return height, width
