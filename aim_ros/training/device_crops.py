"""
The crops of `augment`, drawn a batch at a time on a GPU: as many as it can learn from.

There the loader's processes, of which each crop takes 30 ms, would be what a run waits for. Frames
stay in the GPU's memory; windows, pasted road users and blends are a few operators for a batch.
Blends are shown to the teacher there, too.
"""

from collections.abc import Sequence

from kornia import augmentation as K
import numpy as np
import torch
import torch.nn.functional as F

from aim_ros.training import banks
from aim_ros.training import distillation
from aim_ros.training import efficientvit
from aim_ros.training.config import AugmentConfig
from aim_ros.training.labels import IGNORE
from aim_ros.training.labels import NAMES
from aim_ros.training.pasting import cut_people
from aim_ros.training.pasting import cut_vehicles
from aim_ros.training.pasting import GROUND
from aim_ros.training.pasting import PERSON_FEET
from aim_ros.training.pasting import VEHICLE_FEET
from aim_ros.training.rare import rare_places
from aim_ros.training.sources import shares_of
from aim_ros.training.sources import Source

Batch = dict[str, torch.Tensor]


class DeviceCrops:
    """
    Batches of training crops.

    That of a step depends on its size, the seed, the step and the kind of device alone. It is
    `image` (B, 3, H, W) float32, 0..255, `labels` (B, H, W) uint8, `weight` (B,), and the
    teacher's probabilities on the grid of the network's logits: `wanted` (B, 19, H / 4, W / 4)
    float32 and `asked` (B, H / 4, W / 4) float32, 0 where it does not know.

    :param teacher: see `banks.TeacherFunction`; None: no crops are blended, and `asked` is 0.
    :param zoom: it is shown crops so many times as large as the network sees them.
    :raises ValueError: where the crop does not fit the network's grid.
    """

    def __init__(self, sources: Sequence[Source], settings: AugmentConfig, seed: int, batch: int,
                 device: torch.device, *,
                 teacher: banks.TeacherFunction | None = None, zoom: int = 2):
        self.sources, self.settings, self.seed, self.batch = sources, settings, seed, batch
        self.device, self.teacher = device, teacher
        self.grid = distillation.grid_of(settings.crop)
        # Crops are drawn as large as the teacher sees them, which fits its stride.
        self.size = efficientvit.fitting_size(settings.crop, zoom)
        self.ground = torch.tensor(GROUND, dtype=torch.uint8, device=device)
        self.random = torch.Generator(device).manual_seed(seed)
        self.frames = banks.FrameBank(sources, device, teacher)
        self.shares = shares_of(sources)
        self.rare = rare_places(sources, settings, seed)
        self.people = self._instances(settings.paste_probability, cut_people)
        self.vehicles = self._instances(settings.paste_vehicles, cut_vehicles)
        self.colours = torch.nn.Sequential(
            K.ColorJitter((0.7, 1.35), (0.7, 1.35), (0.5, 1.5), (-0.04, 0.04), p=settings.colour),
            K.RandomGamma((0.75, 1.25), p=0.3 * settings.colour),
            K.RandomGrayscale(p=settings.grey),
            K.RandomGaussianBlur((5, 5), (0.4, 1.2), p=settings.blur / 2),
            K.RandomMotionBlur((3, 7), 180.0, 0.5, p=settings.blur / 2))
        self.compression = K.RandomJPEG((40.0, 90.0), p=settings.noise / 2)

    def _instances(self, probability, cut):
        found = cut(self.sources, self.settings) if probability else []
        return banks.InstanceBank(found, self.device) if found else None

    def __call__(self, step: int) -> Batch:
        """Return the batch of a step."""
        rng = np.random.default_rng((self.seed, step))
        torch.manual_seed(int(rng.integers(2**62)))  # the colours'
        self.random.manual_seed(int(rng.integers(2**62)))
        crops = self._draw(rng, self.batch)
        self._cutmix(rng, crops)
        self._mixup(rng, crops)
        image = F.interpolate(crops['image'], self.settings.crop, mode='bilinear', antialias=True)
        image = self._noisy(self.colours(image.clamp(0, 255) / 255))
        image = 255 * self.compression(image.clamp(0, 1)).clamp(0, 1)
        labels = crops['labels']
        return {'image': image, 'labels': labels.where(labels != banks.OUTSIDE, IGNORE),
                'weight': crops['weight'], 'wanted': crops['wanted'],
                'asked': crops['asked'] * ~crops['pasted']}

    def _noisy(self, image):
        """Add Gaussian noise; Kornia draws it on the host, which takes longer than all else."""
        drawn, strength = torch.rand(
            2, len(image), 1, 1, 1, generator=self.random, device=self.device)
        strength = (drawn < self.settings.noise / 2) * (0.01 + 0.04 * strength)
        noise = torch.randn(image.shape, generator=self.random, device=self.device)
        return image + strength * noise

    def _draw(self, rng, count):
        """Return crops before they are mixed: those of a batch, and what is `pasted` in them."""
        numbers = rng.choice(len(self.sources), size=count, p=self.shares)
        chosen = [self._frame(rng, number) for number in numbers]
        frames = np.array([frame for frame, _ in chosen])
        top, left, height, width = self._windows(rng, numbers, chosen)
        flip = np.where(rng.random(count) < 0.5, -1, 1)
        left = np.where(flip < 0, left + width, left)
        width = width * flip
        index = self._tensor(frames, torch.long)
        box = [self._tensor(values) for values in (left, top, width, height)]
        maps = banks.windows(*box, self.frames.canvas)
        grid = banks.grid_of(maps, self.settings.crop)
        labels = banks.cut(self.frames.labels[index][:, None], grid, 'nearest')
        crops = {
            'image': banks.cut(self.frames.images[index], banks.grid_of(maps, self.size)),
            'labels': labels[:, 0].to(torch.uint8),
            'weight': self._tensor([self.sources[n].settings.weight for n in numbers]),
            'wanted': torch.zeros(count, len(NAMES), *self.grid, device=self.device),
            'asked': torch.zeros(count, *self.grid, device=self.device),
        }
        # Beside a frame, which is rare, nearest labels of canvases end, too.
        inside = (grid.abs() <= 1).all(3)
        crops['labels'] = crops['labels'].where(inside, banks.OUTSIDE)
        if self.frames.wanted is not None:
            self._taught(crops, index, frames, box)
        horizons = np.array([self.sources[n].settings.horizon for n in numbers])
        horizons = (horizons * self.frames.sizes[frames, 0] - top) * self.settings.crop[0] / height
        self._populate(rng, crops, horizons)
        return crops

    def _frame(self, rng, number):
        """Return a frame of a source and a pixel to centre on, or none."""
        rare = self.rare[number]
        if rare and rng.random() < self.settings.rare_probability:
            places = rare[rng.integers(len(rare))]
            frame, pixels = places[rng.integers(len(places))]
            return self.frames.first[number] + frame, pixels[rng.integers(len(pixels))]
        return int(rng.integers(*self.frames.first[number:number + 2])), None

    def _windows(self, rng, numbers, chosen):
        """Return windows in pixels of the frames: top, left, height and width, each (B,)."""
        height, width = self.settings.crop
        low, high = np.log([self.sources[n].settings.scale for n in numbers]).T
        scale = np.exp(rng.uniform(low, high))
        stretch = np.exp(rng.uniform(-1, 1, len(numbers)) * np.log1p(self.settings.aspect))
        rows, columns = self.frames.sizes[[frame for frame, _ in chosen]].T
        # A window larger than the image would waste the crop on padding.
        scale = np.maximum(scale, np.minimum(height / rows, width / (columns * stretch)))
        box_h, box_w = height / scale, width / (scale * stretch)
        top = rng.random(len(numbers)) * (rows - box_h)
        left = rng.random(len(numbers)) * (columns - box_w)
        for index, (_, centre) in enumerate(chosen):
            if centre is not None:
                top[index] = centre[0] - box_h[index] * rng.uniform(0.1, 0.9)
                left[index] = centre[1] - box_w[index] * rng.uniform(0.1, 0.9)
        top = np.clip(top, np.minimum(0, rows - box_h), np.maximum(0, rows - box_h))
        left = np.clip(left, np.minimum(0, columns - box_w), np.maximum(0, columns - box_w))
        return top, left, box_h, box_w

    def _taught(self, crops, index, frames, box):
        """Cut out what the teacher saw in the whole frames."""
        cells = self._tensor(self.frames.grids[frames] / self.frames.sizes[frames])
        left, top, width, height = box
        maps = banks.windows(left * cells[:, 1], top * cells[:, 0], width * cells[:, 1],
                             height * cells[:, 0], self.frames.wanted.shape[2:])
        # Four samples a cell of the network's, which may cover several of the teacher's.
        grid = banks.grid_of(maps, tuple(2 * side for side in self.grid))
        places = self.frames.places[index]
        fine = banks.cut(self.frames.wanted[places.clamp_min(0)], grid)
        fine = fine * (places >= 0)[:, None, None, None]
        found = F.avg_pool2d(fine, 2)
        total = found.sum(1, keepdim=True)  # less than 1 at the rim, 0 where it saw none
        crops['wanted'] = found / total.clamp_min(1e-6)
        crops['asked'] = (total[:, 0] > 0.5) * self._cells(crops['labels'] != banks.OUTSIDE)

    def _cells(self, pixels):
        """Return whether the middle of each cell of the network's grid is set."""
        half, stride = distillation.STRIDE // 2, distillation.STRIDE
        return pixels[:, half::stride, half::stride].float()

    def _populate(self, rng, crops, horizons):
        """Paste vehicles, then people and two-wheelers, and mark the cells that they touch."""
        settings, before = self.settings, crops['labels'].clone()
        count = len(horizons)
        if self.vehicles is not None:
            drawn = np.flatnonzero(rng.random(count) < settings.paste_vehicles)
            self._paste(rng, crops, self.vehicles, drawn, horizons, settings.vehicle_height,
                        VEHICLE_FEET)
        if self.people is not None:
            wanted = rng.integers(1, settings.paste_most + 1, count)
            wanted *= rng.random(count) < settings.paste_probability
            for number in range(settings.paste_most):
                self._paste(rng, crops, self.people, np.flatnonzero(wanted > number), horizons,
                            settings.paste_height, PERSON_FEET)
        changed = (crops['labels'] != before).float()[:, None]
        crops['pasted'] = F.max_pool2d(changed, distillation.STRIDE)[:, 0].bool()

    def _paste(self, rng, crops, instances, drawn, horizons, heights, feet):
        """Paste an instance in some crops where it could stand; its height tells its foot."""
        rows, columns = self.settings.crop
        heights = np.exp(rng.uniform(*np.log(heights), len(drawn)))
        foot = (horizons[drawn] + heights * rng.uniform(*feet, len(drawn))).astype(int)
        chosen = rng.integers(len(instances), size=len(drawn))
        gain, mirrored = rng.uniform(0.6, 1.3, len(drawn)), rng.random(len(drawn)) < 0.5
        fits = (foot > 0) & (foot < rows)
        if not fits.any():
            return
        drawn, heights, foot, chosen, gain, mirrored = (
            values[fits] for values in (drawn, heights, foot, chosen, gain, mirrored))
        widths = heights * instances.shapes[chosen, 1] / instances.shapes[chosen, 0]
        index = self._tensor(drawn, torch.long)
        row = crops['labels'][index, self._tensor(foot, torch.long)]
        ground = torch.isin(row, self.ground)
        column = (ground * torch.rand(ground.shape, generator=self.random,
                                      device=self.device)).argmax(1)
        # The crop as a window of the instance's tile.
        side = instances.tiles.shape[2]
        across, down = (self._tensor(side / values) for values in (widths, heights))
        left = (self._tensor(widths) / 2 - column) * across
        width = columns * across
        mirror = self._tensor(mirrored, torch.bool)
        left, width = torch.where(mirror, side - left, left), torch.where(mirror, -width, width)
        maps = banks.windows(left, self._tensor(heights - foot) * down, width, rows * down,
                             (side, side))
        tiles = instances.tiles[self._tensor(
            instances.tile(chosen, heights * self.size[0] / rows), torch.long)]
        classes = instances.labels[self._tensor(chosen, torch.long)]
        shown = banks.cut(tiles, banks.grid_of(maps, self.size))
        shown = shown * ground.any(1)[:, None, None, None]
        colours, opacity = shown[:, :3], shown[:, 3:] / 255
        colours = torch.minimum(self._tensor(gain)[:, None, None, None] * colours, 255 * opacity)
        crops['image'][index] = colours + (1 - opacity) * crops['image'][index]
        solid = F.interpolate(opacity, self.settings.crop, mode='area')[:, 0] >= 0.5
        classes = banks.cut(classes, banks.grid_of(maps, self.settings.crop), 'nearest')
        classes = classes[:, 0].to(torch.uint8)
        solid &= classes != IGNORE
        crops['labels'][index] = torch.where(solid, classes, crops['labels'][index])

    def _others(self, rng, probability):
        """Return which crops to mix with others, and these; none for none."""
        # About as many each time: on a GPU the teacher's first pass of so many takes about 2 s.
        count = int(probability * self.batch + rng.random())
        if not count:
            return None, None
        drawn = np.sort(rng.permutation(self.batch)[:count])
        return self._tensor(drawn, torch.long), self._draw(rng, len(drawn))

    def _cutmix(self, rng, crops):
        """Overwrite a rectangle by another crop's (Yun et al. 2019)."""
        index, others = self._others(rng, self.settings.cutmix_probability)
        if others is None:
            return
        grid, count = np.array(self.grid), len(index)
        size = np.maximum(1, (rng.uniform(0.3, 0.7, (count, 2)) * grid).astype(int))
        corner = rng.integers(grid - size + 1)
        begin, end = self._tensor(corner), self._tensor(corner + size)
        rows, columns = (
            (cells >= begin[:, axis, None]) & (cells < end[:, axis, None])
            for axis, cells in enumerate(
                torch.arange(side, device=self.device) for side in self.grid))
        cells = rows[:, :, None] & columns[:, None, :]
        for name in ('wanted', 'asked', 'pasted', 'image', 'labels'):
            theirs = others[name]
            mask = F.interpolate(cells[:, None].float(), theirs.shape[-2:], mode='nearest') > 0
            mask = mask if theirs.ndim == 4 else mask[:, 0]
            crops[name][index] = torch.where(mask, theirs, crops[name][index])
        # One weight a crop: that of the labels trusted less.
        crops['weight'][index] = torch.minimum(crops['weight'][index], others['weight'])

    def _mixup(self, rng, crops):
        """
        Blend with another crop (Zhang et al. 2018), and ask the teacher what it sees there.

        Labels stay where both crops have the same. Rendered frames, of which the teacher is not
        asked, are not blended. See `augment.CropDataset`.
        """
        if self.teacher is None:
            return
        index, others = self._others(rng, self.settings.mixup_probability)
        if others is None:
            return
        share = self._tensor(rng.random(len(index)))[:, None, None, None]
        mine = {name: crops[name][index] for name in crops}
        known = mine['asked'].amax((1, 2)) * others['asked'].amax((1, 2)) > 0
        image = share * mine['image'] + (1 - share) * others['image']
        wanted = F.interpolate(self.teacher(image.round()), self.grid, mode='area')
        same = mine['labels'] == others['labels']
        blended = {
            'image': image, 'wanted': wanted, 'asked': mine['asked'] * others['asked'],
            'labels': torch.where(same, mine['labels'], IGNORE),
            # It has seen that, too.
            'pasted': torch.zeros_like(mine['pasted']),
            'weight': torch.minimum(mine['weight'], others['weight'])}
        for name, values in blended.items():
            each = known.view(-1, *[1] * (values.ndim - 1))
            crops[name][index] = torch.where(each, values, mine[name])

    def _tensor(self, values, dtype=torch.float32):
        """Return host values on the device, without waiting for what that has to do before."""
        values = torch.as_tensor(np.asarray(values), dtype=dtype)
        if self.device.type == 'cuda':
            values = values.pin_memory()
        return values.to(self.device, non_blocking=True)
