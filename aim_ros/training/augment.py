"""Random crops: scale, rare classes, pasted road users, mixing, colour, flips."""

from collections.abc import Callable
from dataclasses import dataclass
import os
import random

# The library otherwise asks its server for a newer version at import.
os.environ.setdefault('NO_ALBUMENTATIONS_UPDATE', '1')

import albumentations as A
import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from aim_ros.training import distillation
from aim_ros.training.config import AugmentConfig
from aim_ros.training.labels import IGNORE
from aim_ros.training.labels import NAMES
from aim_ros.training.pasting import cut_people
from aim_ros.training.pasting import cut_vehicles
from aim_ros.training.pasting import GROUND
from aim_ros.training.pasting import paste
from aim_ros.training.pasting import PERSON_FEET
from aim_ros.training.pasting import VEHICLE_FEET
from aim_ros.training.rare import rare_places
from aim_ros.training.sources import shares_of
from aim_ros.training.sources import Source


@dataclass
class Crop:
    """
    A crop that is still being drawn, `CropDataset.zoom` times as large as the network sees it.

    `image` (H, W, 3) and `labels` (H, W) uint8; on the grid of the network's logits the teacher's
    probabilities `wanted`, (h, w, C) float32, how far it is `asked` there, (h, w) float32, and
    what was `pasted` after it had seen the frame, (h, w) bool. `horizon` is a row; `weight` is
    the source's.
    """

    image: np.ndarray
    labels: np.ndarray
    wanted: np.ndarray
    asked: np.ndarray
    pasted: np.ndarray
    horizon: float
    weight: float


def _channels_first(image):
    return np.ascontiguousarray(image.transpose(2, 0, 1))


class CropDataset(Dataset):
    """
    Training crops; item `i` depends on the seed and on `i` alone.

    That is what makes a run resumable to the step: no generator carries state from one crop to
    the next, and any number of loader processes give the same crops. An item is `image`
    (3, H, W) uint8, `labels` (H, W) uint8, `weight`, the source's weight in the loss, and the
    teacher's probabilities on the grid of the network's logits: `wanted` (19, H / 4, W / 4)
    float16 and `asked` (H / 4, W / 4) float32, 0 where it does not know.

    :param teacher: what it sees in a blend of crops, an image (zoom H, zoom W, 3) uint8 before its
        colours change: probabilities (H / 4, W / 4, 19). None: no crops are blended.
    :param zoom: crops are drawn so many times as large as the network sees them.
    :raises ValueError: where the crop does not fit the network's grid.
    """

    def __init__(self, sources: list[Source], settings: AugmentConfig, seed: int, length: int, *,
                 teacher: Callable[[np.ndarray], np.ndarray] | None = None, zoom: int = 1):
        self.sources, self.seed, self.length = sources, seed, length
        self.settings, self.teacher, self.zoom = settings, teacher, zoom
        self.size = tuple(zoom * side for side in settings.crop)
        self.stride = zoom * distillation.STRIDE
        self.grid = distillation.grid_of(settings.crop)
        self.shares = shares_of(sources)
        self.instances = cut_people(sources, settings)
        self.vehicles = cut_vehicles(sources, settings) if settings.paste_vehicles else []
        self.rare = rare_places(sources, settings, seed)
        self.photometric = A.Compose([
            A.ColorJitter(brightness=(0.7, 1.35), contrast=(0.7, 1.35), saturation=(0.5, 1.5),
                          hue=(-0.04, 0.04), p=settings.colour),
            A.RandomGamma(gamma_limit=(75, 125), p=0.3 * settings.colour),
            A.ToGray(p=settings.grey),
            A.OneOf([A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 7))],
                    p=settings.blur),
            A.OneOf([A.GaussNoise(std_range=(0.01, 0.05)),
                     A.ImageCompression(quality_range=(40, 90))], p=settings.noise),
        ])

    def __len__(self):
        return self.length

    def _draw(self, rng):
        """Return one crop before its colours change."""
        number = int(rng.choice(len(self.sources), p=self.shares))
        source, rare = self.sources[number], self.rare[number]
        centre = None
        if rare and rng.random() < self.settings.rare_probability:
            places = rare[rng.integers(len(rare))]
            position, pixels = places[rng.integers(len(places))]
            centre = pixels[rng.integers(len(pixels))]
        else:
            position = rng.integers(len(source.frames))
        crop = self._crop(rng, source, source.frames[position], centre)
        before = crop.labels.copy()
        if self.vehicles and rng.random() < self.settings.paste_vehicles:
            self._paste(rng, crop, self.vehicles, self.settings.vehicle_height, VEHICLE_FEET)
        if self.instances and rng.random() < self.settings.paste_probability:
            for _ in range(int(rng.integers(1, self.settings.paste_most + 1))):
                self._paste(rng, crop, self.instances, self.settings.paste_height, PERSON_FEET)
        rows, columns = self.grid
        crop.pasted = (crop.labels != before).reshape(
            rows, self.stride, columns, self.stride).any((1, 3))
        if rng.random() < 0.5:
            for name in ('image', 'labels', 'wanted', 'asked', 'pasted'):
                setattr(crop, name, getattr(crop, name)[:, ::-1])
        return crop

    def _cutmix(self, rng, crop):
        """Overwrite a rectangle by another crop's (Yun et al. 2019)."""
        other, stride = self._draw(rng), self.stride
        grid = np.array(self.grid)
        size = np.maximum(1, (rng.uniform(0.3, 0.7, size=2) * grid).astype(int))
        (y, x), (h, w) = rng.integers(grid - size + 1), size
        cells = np.s_[y:y + h, x:x + w]
        pixels = np.s_[stride * y:stride * (y + h), stride * x:stride * (x + w)]
        crop.image[pixels], crop.labels[pixels] = other.image[pixels], other.labels[pixels]
        for name in ('wanted', 'asked', 'pasted'):
            getattr(crop, name)[cells] = getattr(other, name)[cells]
        # One weight a crop: that of the labels trusted less.
        crop.weight = min(crop.weight, other.weight)

    def _mixup(self, rng, crop):
        """
        Blend with another crop (Zhang et al. 2018), and ask the teacher what it sees there.

        Imitating a teacher on blends of few images generalises as from many (Beyer et al. 2022).
        Labels stay where both crops have the same. Rendered frames, of which the teacher is not
        asked, are not blended.
        """
        other, share = self._draw(rng), rng.random()
        if not (crop.asked.any() and other.asked.any()):
            return
        blend = share * crop.image.astype(np.float32) + (1 - share) * other.image
        crop.image = np.rint(blend).astype(np.uint8)
        crop.labels = np.where(crop.labels == other.labels, crop.labels, np.uint8(IGNORE))
        crop.wanted, crop.asked = self.teacher(crop.image), crop.asked * other.asked
        crop.pasted = np.zeros_like(crop.pasted)  # it has seen that, too
        crop.weight = min(crop.weight, other.weight)

    def __getitem__(self, item):
        rng = np.random.default_rng((self.seed, item))
        crop = self._draw(rng)
        if rng.random() < self.settings.cutmix_probability:
            self._cutmix(rng, crop)
        if self.teacher is not None and rng.random() < self.settings.mixup_probability:
            self._mixup(rng, crop)
        crop.asked = crop.asked * ~crop.pasted
        if self.zoom > 1:
            crop.image = np.asarray(Image.fromarray(crop.image).reduce(self.zoom))
            middle = slice(self.zoom // 2, None, self.zoom)
            crop.labels = crop.labels[middle, middle]
        # Not `set_random_seed`: it starts every transform from the same number, and then a crop
        # that is noisy is always blurred as well.
        state = int(rng.integers(2**31))
        self.photometric.set_random_state(np.random.default_rng(state), random.Random(state))
        image = self.photometric(image=np.ascontiguousarray(crop.image))['image']
        return {
            'image': _channels_first(image), 'labels': np.array(crop.labels),
            'weight': np.float32(crop.weight), 'asked': np.array(crop.asked),
            'wanted': _channels_first(crop.wanted.astype(np.float16)),
        }

    def _crop(self, rng, source, frame, centre):
        """Cut and scale one window."""
        height, width = self.size
        low, high = source.settings.scale
        scale = self.zoom * float(np.exp(rng.uniform(np.log(low), np.log(high))))
        stretch = float(np.exp(rng.uniform(-1, 1) * np.log1p(self.settings.aspect)))
        # A window larger than the image would waste the crop on padding.
        rows, columns = frame.labels.shape
        scale = max(scale, min(height / rows, width / (columns * stretch)))
        box_h, box_w = height / scale, width / (scale * stretch)
        if centre is None:
            top, left = rng.random() * (rows - box_h), rng.random() * (columns - box_w)
        else:
            top = centre[0] - box_h * rng.uniform(0.1, 0.9)
            left = centre[1] - box_w * rng.uniform(0.1, 0.9)
        top = float(np.clip(top, min(0, rows - box_h), max(0, rows - box_h)))
        left = float(np.clip(left, min(0, columns - box_w), max(0, columns - box_w)))
        # The part of the window that lies on the image, and where it lands in the crop.
        y0, x0 = max(top, 0.0), max(left, 0.0)
        y1, x1 = min(top + box_h, rows), min(left + box_w, columns)
        to_h, to_w = height / box_h, width / box_w
        size = (max(1, min(width, round((x1 - x0) * to_w))),
                max(1, min(height, round((y1 - y0) * to_h))))
        at_y = min(round((y0 - top) * to_h), height - size[1])
        at_x = min(round((x0 - left) * to_w), width - size[0])
        box = (x0, y0, x1, y1)
        # Pillow's antialiased bilinear is the resize of the checkpoint's image processor.
        outer = (int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1)))
        window = np.s_[outer[1]:outer[3], outer[0]:outer[2]]
        box = (x0 - outer[0], y0 - outer[1], x1 - outer[0], y1 - outer[1])
        part = Image.fromarray(frame.image[window]).resize(size, Image.Resampling.BILINEAR, box)
        ids = Image.fromarray(frame.labels[window]).resize(size, Image.Resampling.NEAREST, box)
        image = np.zeros((height, width, 3), np.uint8)
        labels = np.full((height, width), IGNORE, np.uint8)
        image[at_y:at_y + size[1], at_x:at_x + size[0]] = part
        labels[at_y:at_y + size[1], at_x:at_x + size[0]] = ids
        wanted, asked = self._taught(frame, (top, left), (to_h, to_w))
        return Crop(image, labels, wanted, asked, np.zeros(self.grid, bool),
                    weight=source.settings.weight,
                    horizon=(source.settings.horizon * rows - top) * to_h)

    def _taught(self, frame, corner, scale):
        """Return what the teacher says of a window, and where."""
        if frame.wanted is not None:
            found, known = distillation.cut(
                frame.wanted, frame.labels.shape, corner, tuple(s / self.zoom for s in scale),
                self.settings.crop)
            return found, known.astype(np.float32)
        return np.zeros((*self.grid, len(NAMES)), np.float32), np.zeros(self.grid, np.float32)

    def _paste(self, rng, crop, instances, heights, feet):
        """Paste one of some instances where it could stand: its height tells its foot's row."""
        low, high = np.log(self.zoom * np.array(heights))
        instance = instances[rng.integers(len(instances))]
        height = float(np.exp(rng.uniform(low, high)))
        foot = int(crop.horizon + height * rng.uniform(*feet))
        if not 0 < foot < crop.labels.shape[0]:
            return
        ground = np.nonzero(np.isin(crop.labels[foot], GROUND))[0]
        if not ground.size:
            return
        column = int(ground[rng.integers(ground.size)])
        paste(crop.image, crop.labels, instance, height=height, foot=foot, column=column,
              gain=float(rng.uniform(0.6, 1.3)), flip=bool(rng.random() < 0.5))
