"""What must be known of a network besides its weights: classes, preprocessing, temperature."""

from collections.abc import Mapping
from dataclasses import dataclass
import sys
from typing import Any

import torch
from torch import Tensor

from aim_ros.plain_data import shortened
from aim_ros.segmentation.labels import LabelSet

RESAMPLING = ('bilinear', 'bicubic')
"""The filters by which frames are resized."""

_LEAST_SPAN, _MOST_SPAN = 0.1, 300.0
"""Between the inputs of black and of white; it is 1 to 5 for most networks, and 255 for bytes."""

_LARGEST_SIDE = 16384  # pixels: more than any camera has

BACKGROUND = 'background'
"""The class that stands against the only one of a network trained with a sigmoid."""


class ModelError(RuntimeError):
    """A checkpoint or device that cannot be used; the text says which, why and what would do."""


@dataclass(frozen=True)
class Description:
    """
    What must be known of a network besides its weights.

    :param classes: names of the network's channels. A network with a single one was trained with
        a sigmoid: its logit stands against a background of logit 0.
    :param mean: of the three channels, subtracted after rescaling.
    :param std: of the three channels, each > 0, divided by last.
    :param rescale: what bytes are multiplied by first.
    :param resample: filter by which frames are resized, one of `RESAMPLING`.
    :param bgr: whether the network takes blue first.
    :param size: (height, width) of the input that the network was made for; None if none is said.
    :param temperature: by which the softmax is softened, > 0.
    :param family: the architecture, in the spelling of transformers' ``model_type``.
    """

    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    rescale: float = 1 / 255
    resample: str = 'bilinear'
    bgr: bool = False
    size: tuple[int, int] | None = None
    temperature: float = 1.0
    family: str = ''

    @property
    def labels(self) -> LabelSet:
        """The classes of a mask; those of a one-class network are background and that class."""
        return label_set(self.classes)

    def normalisation(self) -> tuple[Tensor, Tensor]:
        """Return (scale, offset), each (1, 3, 1, 1): scale * byte + offset is the input."""
        std = torch.tensor(self.std, dtype=torch.float64)
        scale = self.rescale / std
        offset = -torch.tensor(self.mean, dtype=torch.float64) / std
        return scale.view(1, 3, 1, 1).float(), offset.view(1, 3, 1, 1).float()

    def check_inputs(self, where: str) -> None:
        """
        Check that the arithmetic leaves of an image what a network can see.

        :param where: where it stands, for errors.
        :raises ModelError: it does not, as where mean and std are those of bytes, and bytes are
            rescaled before.
        """
        for mean, std in zip(self.mean, self.std, strict=True):
            black, white = -mean / std, (255 * self.rescale - mean) / std
            span = white - black
            if not (_LEAST_SPAN <= span <= _MOST_SPAN and black <= span and white >= -span):
                raise ModelError(
                    f'{where} makes {black:.4g} of black and {white:.4g} of white, with which a '
                    f'network is blind: bytes times {self.rescale:.4g}, less mean {mean:g}, by '
                    f'std {std:g}. Mean and std are those of bytes after they are rescaled: '
                    'where they are of bytes themselves, the factor is 1 (do_rescale false)')

    def as_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` takes, as it stands in files."""
        return {
            'classes': list(self.classes), 'mean': list(self.mean), 'std': list(self.std),
            'rescale_factor': self.rescale, 'resample': self.resample,
            'channel_order': 'bgr' if self.bgr else 'rgb',
            'input_size': list(self.size) if self.size else None,
            'temperature': self.temperature, 'family': self.family}

    @classmethod
    def from_dict(cls, content: Any, where: str) -> 'Description':
        """
        Read a description.

        :param content: what `as_dict` gives; `classes`, `mean` and `std` must be there.
        :param where: where it stands, for errors.
        :raises ModelError: something is missing, or has another form.
        """
        if not isinstance(content, Mapping):
            raise ModelError(
                f'{where} must map classes, mean and std to their values, '
                f'got {shortened(content)}')
        missing = [key for key in ('classes', 'mean', 'std') if key not in content]
        if missing:
            raise ModelError(
                f'{where} lacks {", ".join(missing)}; it must have the lists classes, mean and '
                'std, and may have rescale_factor, resample, channel_order, input_size and '
                'temperature')
        classes = content['classes']
        if not (isinstance(classes, list) and classes
                and all(isinstance(name, str) and name.strip() for name in classes)):
            raise ModelError(
                f'classes in {where} must be a list of names, got {shortened(classes)}')
        size = content.get('input_size')
        if size is not None and not (
                isinstance(size, list) and len(size) == 2
                and all(isinstance(side, int) and 0 < side <= _LARGEST_SIDE for side in size)):
            raise ModelError(
                f'input_size in {where} must be [height, width] of at most {_LARGEST_SIDE} '
                f'pixels each, got {shortened(size)}')
        order = content.get('channel_order', 'rgb')
        resample = content.get('resample', 'bilinear')
        for key, value, allowed in (('channel_order', order, ('rgb', 'bgr')),
                                    ('resample', resample, RESAMPLING)):
            if value not in allowed:
                raise ModelError(
                    f'{key} in {where} must be one of {", ".join(allowed)}, '
                    f'got {shortened(value)}')
        family = content.get('family', '')
        if not isinstance(family, str):
            raise ModelError(f'family in {where} must be a name, got {shortened(family)}')
        description = cls(
            tuple(name.strip() for name in classes),
            three_numbers(content, 'mean', where),
            three_numbers(content, 'std', where, positive=True),
            positive_number(content.get('rescale_factor', 1 / 255), 'rescale_factor', where),
            resample, order == 'bgr', tuple(size) if size else None,
            positive_number(content.get('temperature', 1.0), 'temperature', where),
            family)
        description.check_inputs(where)
        return description


def label_set(classes: tuple[str, ...]) -> LabelSet:
    """Return the classes of a mask for those of a network, see `Description.labels`."""
    return LabelSet((BACKGROUND, *classes) if len(classes) == 1 else classes)


def _is_number(value: Any) -> bool:
    # Not infinite, nor NaN, nor an integer that no float holds.
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def positive_number(value: Any, key: str, where: str) -> float:
    """
    Return a number above 0.

    :param key: its name, and `where` it stands, for errors.
    :raises ModelError: it is none.
    """
    if isinstance(value, bool) or not (_is_number(value) and value > 0):
        raise ModelError(
            f'the {key} in {where} must be a number above 0, got {shortened(value)}')
    return float(value)


def three_numbers(content: Mapping, key: str, where: str, positive: bool = False) -> tuple:
    """
    Return three numbers.

    :param positive: whether they must be above 0.
    :param where: where they stand, for errors.
    :raises ModelError: they are none.
    """
    values = content[key]
    if not (isinstance(values, list) and len(values) == 3 and all(map(_is_number, values))) or (
            positive and min(values) <= 0):
        above = ' above 0' if positive else ''
        raise ModelError(f'{key} in {where} must be three numbers{above}, got {shortened(values)}')
    return tuple(float(value) for value in values)
