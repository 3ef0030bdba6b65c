"""The packed form of a data set: all frames of a run in one file, at the sizes it needs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import io
import json
from pathlib import Path
import zipfile

import numpy as np
from PIL import Image

from aim_ros.plain_data import parse_json
from aim_ros.training.config import SourceConfig
from aim_ros.training.sources import LabelledFrame
from aim_ros.training.sources import Source

_MANIFEST = 'manifest.json'


@dataclass(frozen=True)
class Packed:
    """What one file holds: sources to train on, to measure on and to choose by."""

    training: tuple[Source, ...]
    validation: Source
    choice: tuple[Source, ...] = ()


def write_packed(path: str | Path, packed: Packed, *, quality: int = 85) -> int:
    """
    Write sources as one file: WebP images and PNG labels, to train on at their `pack_scale`.

    The labels are final (CamVid's are combined). The other frames are packed at full size.

    :param quality: of the images, 1..100.
    :return: the file's size in bytes.
    """
    manifest = {'sources': []}
    parts = {'training': packed.training, 'validation': (packed.validation,),
             'choice': packed.choice}
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive:
        for part, source in ((part, s) for part, sources in parts.items() for s in sources):
            folder = f'{part}/{len(manifest["sources"])}-{source.settings.name}'
            scale = source.settings.pack_scale if part == 'training' else 1.0
            for frame in source.frames:
                _write_frame(archive, folder, frame, scale, quality)
            manifest['sources'].append({
                'part': part, 'folder': folder, 'name': source.settings.name,
                'pack_scale': scale, 'only': source.settings.only,
                'frames': [frame.name for frame in source.frames],
            })
        archive.writestr(_MANIFEST, json.dumps(manifest))
    return Path(path).stat().st_size


def _write_frame(archive, folder, frame, scale, quality):
    image, labels = Image.fromarray(frame.image), Image.fromarray(frame.labels)
    if scale != 1.0:
        size = tuple(round(scale * side) for side in image.size)
        image = image.resize(size, Image.Resampling.BILINEAR)
        labels = labels.resize(size, Image.Resampling.NEAREST)
    for kind, picture, options in (
        ('webp', image, {'format': 'WebP', 'quality': quality}),
        ('png', labels, {'format': 'PNG', 'optimize': True}),
    ):
        buffer = io.BytesIO()
        picture.save(buffer, **options)
        archive.writestr(f'{folder}/{frame.name}.{kind}', buffer.getvalue())


def _decoded(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)))


def _manifest(path, archive):
    try:
        return parse_json(archive.read(_MANIFEST).decode())
    except (KeyError, ValueError) as error:
        raise ValueError(f'the manifest of {path} cannot be read: {error}') from error


def read_packed(path: str | Path, part: str) -> list[Source]:
    """
    Read the sources of one part of what `write_packed` wrote.

    :param part: `training`, `validation` or `choice`.
    :raises ValueError: where there is nothing to measure on, or another version wrote it.
    """
    found = []
    with zipfile.ZipFile(path) as archive, ThreadPoolExecutor() as pool:
        for entry in _manifest(path, archive)['sources']:
            if 'part' not in entry:
                raise ValueError(f'{path} is from another version of this tool: pack it anew')
            if entry['part'] != part:
                continue
            stems = [f'{entry["folder"]}/{name}' for name in entry['frames']]
            images, labels = (
                pool.map(_decoded, [archive.read(f'{stem}.{kind}') for stem in stems])
                for kind in ('webp', 'png'))
            settings = SourceConfig(
                name=entry['name'], images='', labels='', only=entry['only'],
                pack_scale=entry['pack_scale'])
            found.append(Source(
                settings, tuple(map(LabelledFrame, entry['frames'], images, labels))))
    if part == 'validation' and not found:
        raise ValueError(f'{path}: no validation part')
    return found
