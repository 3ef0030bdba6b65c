"""The frames of a run, held in memory: from folders, from one packed file, or rendered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from aim_ros.training.config import DataConfig
from aim_ros.training.config import SourceConfig
from aim_ros.training.config import StreetConfig
from aim_ros.training.labels import among
from aim_ros.training.labels import combine_camvid
from aim_ros.training.labels import IGNORE
from aim_ros.training.packing import read_packed
from aim_ros.training.sources import LabelledFrame
from aim_ros.training.sources import Source

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png')
_STREET_LENGTH = 120  # frames of a scene, 12 seconds


def read_names(root: str | Path, path: str | Path) -> set[str]:
    """
    Return the frame names, one a line, of a list in the data folder or the working folder.

    :raises ValueError: it is no text.
    """
    found = Path(root) / path
    try:
        return set((found if found.exists() else Path(path)).read_text(encoding='utf-8').split())
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no list of names: {error}') from error


def _read_labels(path):
    labels = np.asarray(Image.open(path))
    if labels.ndim != 2 or labels.dtype != np.uint8:
        raise ValueError(f'{path}: labels must be an 8-bit image of one channel')
    return labels


def image_paths(root: str | Path, settings: SourceConfig) -> list[Path]:
    """Return the images of a source, without those that its lists leave out."""
    root = Path(root)
    only = read_names(root, settings.only) if settings.only else None
    left_out = read_names(root, settings.leave_out) if settings.leave_out else set()
    return [
        path for path in sorted((root / settings.images).glob('*'))
        if path.suffix.lower() in IMAGE_SUFFIXES and path.stem not in left_out
        and (only is None or path.stem in only)
    ][::settings.every]


def load_source(root: str | Path, settings: SourceConfig,
                computed: str | Path | None = None) -> Source:
    """
    Read the labelled frames of one folder.

    :param root: the data folder.
    :param computed: the folder of what the teacher computed; needed where `settings.labels` is
        none. Where it is given, every frame of a `taught` source comes with its probabilities.
    :raises FileNotFoundError: where no frame is labelled, or the teacher has not seen one.
    :raises ValueError: where an image and its labels differ in size.
    """
    root, frames = Path(root), []
    seen = _seen(settings, computed)
    if settings.labels is None and seen is None:
        raise ValueError(f'{settings.name} has no labels: set labels, or taught and data.computed')
    labels_folder = seen / 'labels' if settings.labels is None else root / settings.labels
    for path in image_paths(root, settings):
        labels_path = labels_folder / f'{path.stem}.png'
        if not labels_path.exists():
            continue
        image = np.asarray(Image.open(path).convert('RGB'))
        labels = _read_labels(labels_path)
        if settings.camvid_labels:
            human = _read_labels(root / settings.camvid_labels / f'{path.stem}.png')
            labels = combine_camvid(human, labels)
        if settings.ignore_classes:
            labels = np.where(among(labels, settings.ignore_classes), np.uint8(IGNORE), labels)
        if image.shape[:2] != labels.shape:
            raise ValueError(f'{path}: image {image.shape[:2]}, labels {labels.shape}')
        frames.append(LabelledFrame(path.stem, image, labels, _wanted(seen, path.stem)))
    if not frames:
        raise FileNotFoundError(f'no labelled frames of {root / settings.images} in '
                                f'{labels_folder}')
    return Source(settings, tuple(frames))


def _seen(settings, computed):
    """Return the folder of what the teacher computed of a source; None where it does not count."""
    return Path(computed) / settings.name if computed is not None and settings.taught else None


def _wanted(seen, name):
    """Return a frame's probabilities, mapped: only what a crop shows is read."""
    if seen is None:
        return None
    path = seen / 'probabilities' / f'{name}.npy'
    if not path.exists():
        raise FileNotFoundError(f'{path} is missing: run python -m aim_ros.training teacher')
    return np.load(path, mmap_mode='r')


def load_validation(config: DataConfig) -> Source:
    """Read the frames that are measured on and never trained on."""
    if config.packed:
        return _chosen(*read_packed(config.packed, 'validation'), config)
    if not config.validation:
        raise ValueError('data.validation is not set: give a folder of images and labels')
    return load_source(config.root, config.validation)


def _chosen(packed, config):
    """Return those packed frames that a list other than the one they were packed by names."""
    only = config.validation.only if config.validation else None
    if only in (None, packed.settings.only):
        return packed
    names = read_names(config.root, only)
    frames = tuple(frame for frame in packed.frames if frame.name in names)
    if not frames:
        raise ValueError(f'{config.packed} holds no frame to measure on that {only} names')
    return replace(packed, frames=frames)


def load_choice(config: DataConfig) -> list[Source]:
    """Read the frames that the best checkpoint is chosen by; without any, the validation's."""
    if not config.choice:
        return [load_validation(config)]
    if config.packed:
        packed = read_packed(config.packed, 'choice')
        return [replace(_named(packed, s.name, config.packed), settings=s) for s in config.choice]
    return [load_source(config.root, s, None if s.labels else config.computed)
            for s in config.choice]


def load_training(config: DataConfig) -> list[Source]:
    """
    Read all sources to train on; the rendered street last, if it has a share.

    :raises ValueError: where a frame is also one to measure on or to choose by.
    """
    wanted = [s for s in config.sources if s.share > 0]
    if config.packed:
        packed = read_packed(config.packed, 'training')
        sources = [_after_packing(s, _named(packed, s.name, config.packed), config.computed)
                   for s in wanted]
    else:
        sources = [load_source(config.root, s, config.computed) for s in wanted]
        held_out = {
            path for s in (config.validation, *config.choice) if s is not None
            for path in image_paths(config.root, s)}
        for settings in wanted:
            shared = held_out.intersection(image_paths(config.root, settings))
            if shared:
                raise ValueError(f'{settings.name}: {len(shared)} validation frames would be '
                                 'trained on; set leave_out')
    if config.street.share > 0:
        sources.append(load_street(config.street))
    return sources


def render_street(settings: StreetConfig, report: Callable[[str], None] = print) -> None:
    """Render frames of the package's street into a folder; those that lie there stay."""
    from aim_ros.media.street import Street

    folder = Path(settings.folder)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    every = _STREET_LENGTH // settings.frames
    for (seed, stage), names in _street_names(settings).items():
        if all((folder / 'labels' / f'{name}.png').exists() for name in names):
            continue
        street = Street(seed=seed, frames=_STREET_LENGTH, scene=stage)
        for name, frame in zip(names, street.frames(every // 2, every), strict=True):
            Image.fromarray(frame.image).save(folder / 'images' / f'{name}.jpg', quality=92)
            Image.fromarray(frame.labels).save(folder / 'labels' / f'{name}.png')
        report(f'{street.name}: {len(names)} frames')


def _street_names(settings):
    """Return, for each scene's seed and what is staged in it, the names of its frames."""
    every, result = _STREET_LENGTH // settings.frames, {}
    for number in range(settings.scenes):
        seed = settings.first_seed + number
        stage = settings.stages[number % len(settings.stages)]
        result[seed, stage] = [
            '_'.join(filter(None, (str(seed), stage, f'{index:03d}')))
            for index in range(every // 2, _STREET_LENGTH, every)]
    return result


def load_street(settings: StreetConfig) -> Source:
    """
    Read the frames that `render_street` wrote for these settings, and no others.

    :raises FileNotFoundError: where one is missing.
    """
    described = SourceConfig(name='street', images='images', labels='labels',
                             share=settings.share, weight=settings.weight, scale=settings.scale,
                             taught=False)
    names = {name for scene in _street_names(settings).values() for name in scene}
    missing = [n for n in names if not (Path(settings.folder) / f'labels/{n}.png').is_file()]
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(names)} frames of the rendered street are not in '
            f'{settings.folder}: run python -m aim_ros.training street')
    found = load_source(settings.folder, described)
    return replace(found, frames=tuple(f for f in found.frames if f.name in names))


def _after_packing(settings, packed, computed):
    """Return packed frames with a configuration, whose sizes are those of the original images."""
    packed_scale = packed.settings.pack_scale
    scale = tuple(s / packed_scale for s in settings.scale)
    seen = _seen(settings, computed)
    frames = tuple(replace(f, wanted=_wanted(seen, f.name)) for f in packed.frames)
    zoom = settings.teacher_zoom / packed_scale
    return Source(replace(settings, scale=scale, teacher_zoom=zoom), frames)


def _named(sources, name, path):
    for source in sources:
        if source.settings.name == name:
            return source
    raise ValueError(f'{path} holds no frames of {name}: pack them with this configuration')
