"""Folders of labelled images, in the layouts that they are published in."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from aim_ros.experiments.cache import checksum
from aim_ros.experiments.cache import file_checksum
from aim_ros.experiments.cli import positive
from aim_ros.experiments.errors import ExperimentError
from aim_ros.imaging.frame import Frame
from aim_ros.media.folder import image_files
from aim_ros.media.folder import read_image
from aim_ros.segmentation.labels import CITYSCAPES
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import UnknownClassError

Item = TypeVar('Item')

IGNORE = -1
"""The class of a pixel without a label."""

FORMATS = ('cityscapes', 'cityscapes-ids', 'ade20k')
"""What label images hold: Cityscapes train ids (255 none), Cityscapes ids, ADE20K (0 none)."""

# Cityscapes' published ids of the 19 classes that are evaluated, in the order of the train ids.
_CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
_ADE20K_CLASSES = 150

_LAYOUTS = (
    'a folder with images/ and labels/; Cityscapes with leftImg8bit/ and gtFine/; ADE20K with '
    'images/ and annotations/; or images with a label .png of the same name beside each')


@dataclass(frozen=True)
class Sample:
    """
    One labelled image.

    :param name: the image's file name without its suffix.
    """

    name: str
    image: Path
    labels: Path

    def frame(self) -> Frame:
        """Read the image."""
        return Frame(*read_image(self.image))


@dataclass(frozen=True)
class Dataset:
    """
    Labelled images of one kind.

    :param description: for people: where they are from and which part they are.
    :param samples: at least one.
    :param label_format: one of `FORMATS`.
    """

    description: str
    samples: tuple[Sample, ...]
    label_format: str

    def checksum(self) -> str:
        """Return a sha256 over the contents of all images and labels."""
        return checksum({
            sample.name: [file_checksum(sample.image), file_checksum(sample.labels)]
            for sample in self.samples})

    def class_table(self, labels: LabelSet) -> np.ndarray:
        """
        Return the model's class id of each value of a label image, `IGNORE` for none: (256,).

        Cityscapes' classes are found by name, those of ADE20K by number.

        :raises ExperimentError: the model has other classes.
        """
        table = np.full(256, IGNORE, np.int64)
        if self.label_format == 'ade20k':
            if len(labels) != _ADE20K_CLASSES:
                raise ExperimentError(
                    f'the labels are of ADE20K, {_ADE20K_CLASSES} classes, and the model has '
                    f'{len(labels)}; give a model for ADE20K, or labels of its classes')
            table[1:_ADE20K_CLASSES + 1] = np.arange(_ADE20K_CLASSES)
            return table
        values = (_CITYSCAPES_IDS if self.label_format == 'cityscapes-ids'
                  else range(len(CITYSCAPES)))
        for value, name in zip(values, CITYSCAPES.names, strict=True):
            try:
                table[value] = labels.resolve([name])[0]
            except UnknownClassError:
                continue
        if (table == IGNORE).all():
            raise ExperimentError(
                'the model has none of the classes of Cityscapes that the labels are of; its '
                f'classes: {", ".join(labels.names[:12])} ...')
        return table

    def truth(self, sample: Sample, table: np.ndarray) -> np.ndarray:
        """
        Read a label image as class ids of the model.

        :param table: from `class_table`.
        :return: int64 (H, W), `IGNORE` where there is no label.
        :raises ExperimentError: the file is no 8-bit image of one channel.
        """
        with Image.open(sample.labels) as image:
            values = np.asarray(image)
        if values.dtype != np.uint8 or values.ndim != 2:
            raise ExperimentError(
                f'{sample.labels} must be an 8-bit image with one channel, '
                f'got {values.dtype} {values.shape}')
        return table[values]


def open_dataset(
    folder: str | Path,
    *,
    names: str | Path | None = None,
    label_format: str | None = None,
    split: str = 'val',
    limit: int | None = None,
) -> Dataset:
    """
    Find the labelled images of a folder.

    :param names: a text file of image names without suffix, one a line; None takes all.
    :param label_format: one of `FORMATS`; None takes that of the layout.
    :param split: the part of an official layout: ``train`` or ``val``.
    :param limit: at most so many, spread evenly.
    :raises ExperimentError: there are none, two have one name, or one of `names` is not among
        them.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ExperimentError(f'there is no folder {folder}; data is {_LAYOUTS}')
    found, natural_format, part = _find(folder, split)
    if not found:
        raise ExperimentError(f'{folder} holds no labelled images; data is {_LAYOUTS}')
    twice = sorted(name for name, count in Counter(sample.name for sample in found).items()
                   if count > 1)
    if twice:
        raise ExperimentError(
            f'{folder} holds several images named {", ".join(twice[:5])}; keep one of each')
    chosen = found if names is None else _listed(found, Path(names).expanduser())
    if limit is not None:
        chosen = spread(chosen, limit)
    selection = f', those listed in {names}' if names else ''
    return Dataset(
        f'{len(chosen)} of the {len(found)} labelled images of {folder}{part}{selection}',
        tuple(chosen), label_format or natural_format)


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """Return `count` of some items, spread evenly and in order; all if there are fewer."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def _find(folder: Path, split: str) -> tuple[list[Sample], str, str]:
    """Return (samples, label format, part in words) of the layout that `folder` has."""
    if (folder / 'leftImg8bit').is_dir():
        return *_cityscapes(folder, split), f', {split}'
    if (folder / 'annotations').is_dir():
        part = {'val': 'validation', 'train': 'training'}.get(split, split)
        images, labels = folder / 'images' / part, folder / 'annotations' / part
        return _pairs(images, labels), 'ade20k', f', {part}'
    if (folder / 'images').is_dir():
        return _pairs(folder / 'images', folder / 'labels'), 'cityscapes', ''
    return _pairs(folder, folder), 'ade20k', ''


def _cityscapes(folder: Path, split: str) -> tuple[list[Sample], str]:
    """Find Cityscapes' own files; train ids are taken where they were made, else ids."""
    images = sorted((folder / 'leftImg8bit' / split).glob('*/*_leftImg8bit.png'))
    samples: dict[str, list[Sample]] = {'cityscapes': [], 'cityscapes-ids': []}
    endings = {'cityscapes': 'labelTrainIds', 'cityscapes-ids': 'labelIds'}
    for image in images:
        name = image.name.removesuffix('_leftImg8bit.png')
        for kind, ending in endings.items():
            labels = folder / 'gtFine' / split / image.parent.name / f'{name}_gtFine_{ending}.png'
            if labels.is_file():
                samples[kind].append(Sample(name, image, labels))
    # One format for all: the one that more of the images have.
    best = max(samples, key=lambda kind: len(samples[kind]))
    return samples[best], best


def _pairs(images: Path, labels: Path) -> list[Sample]:
    """Pair images with the PNG labels of the same name."""
    if not images.is_dir():
        raise ExperimentError(f'there is no folder {images}; data is {_LAYOUTS}')
    pairs = []
    for image in image_files(images):
        label = labels / f'{image.stem}.png'
        if label != image and label.is_file():
            pairs.append(Sample(image.stem, image, label))
    return pairs


def _listed(found: Sequence[Sample], path: Path) -> list[Sample]:
    """Return the samples that a text file names, in its order."""
    try:
        names = path.read_text(encoding='utf-8').split()
    except OSError as error:
        raise ExperimentError(f'{path} cannot be read: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise ExperimentError(f'{path} is no list of names: {error}') from error
    by_name = {sample.name: sample for sample in found}
    missing = [name for name in names if name not in by_name]
    if missing or not names:
        raise ExperimentError(
            f'{path} names {len(missing)} images that are not there, for instance {missing[0]}'
            if missing else f'{path} names no image')
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ExperimentError(f'{path} names {twice} more than once')
    return [by_name[name] for name in names]


def add_data_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the options that choose labelled images, see `open_dataset`."""
    parser.add_argument(
        '--data', required=required, metavar='FOLDER', help=f'labelled images: {_LAYOUTS}')
    parser.add_argument(
        '--list', metavar='FILE', help='names of the images to use, without suffix, one a line')
    parser.add_argument(
        '--label-format', choices=FORMATS,
        help='what the label images hold: Cityscapes train ids (255 none), Cityscapes ids, or '
             "ADE20K (0 none, 1..150); default: the layout's, train ids for images/ and labels/")
    parser.add_argument(
        '--split', default='val', help='part of an official layout (default: %(default)s)')
    parser.add_argument(
        '--limit', type=positive, metavar='N', help='use at most N images, spread evenly')


def open_data(arguments: argparse.Namespace) -> Dataset:
    """Open what the options of `add_data_options` say."""
    return open_dataset(
        arguments.data, names=arguments.list, label_format=arguments.label_format,
        split=arguments.split, limit=arguments.limit)
