"""The settings of a training run: YAML, perhaps on top of other YAML; a dataclass a section."""

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import is_dataclass
from dataclasses import MISSING
from pathlib import Path
import types
import typing

from aim_ros.plain_data import load_yaml
from aim_ros.plain_data import parse_yaml
from aim_ros.plain_data import shortened


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and from what weights."""

    size: str | None = None  # b0, b1 or b2; none: the size of `start`
    start: str | None = None  # a checkpoint folder; none: random weights
    keep: float = 1.0  # the share of `start`'s weights; the rest is random
    drop_path: float = 0.05
    dropout: float = 0.1  # before the classifier


@dataclass(frozen=True)
class TeacherConfig:
    """A trained segmenter that the network learns to imitate."""

    weights: str = '../shared/models/efficientvit-b0-cityscapes'
    least: float = 0.5  # a computed label of a smaller probability is left out
    weight: float = 1.0  # of its probabilities in the loss, beside the labels' 1
    temperature: float = 2.0  # softens its probabilities
    zoom: int = 2  # it is shown blends of crops so many times as large as the network is
    class_weights: Mapping[int, float] = field(default_factory=dict)  # of what it sees in a cell


@dataclass(frozen=True)
class SourceConfig:
    """One folder of images and labels, relative to the data folder."""

    name: str
    images: str
    labels: str | None = None  # none: the teacher's
    camvid_labels: str | None = None  # CamVid's human labels, combined with `labels`
    only: str | None = None  # a file of frame names: no others
    leave_out: str | None = None  # a file of frame names that are never trained on
    every: int = 1  # one frame in so many
    share: float = 1.0  # of the crops, relative to the other sources
    weight: float = 1.0  # of the loss: below 1 for computed labels
    scale: tuple[float, float] = (0.4, 0.9)  # network pixels per image pixel
    input_size: tuple[int, int] | None = None  # where it is measured on; none: the run's
    taught: bool = True  # false: by its labels alone, the teacher does not see its frames
    teacher_zoom: float = 2.0  # the teacher sees its frames enlarged so
    ignore_classes: tuple[int, ...] = ()  # computed labels that are mostly wrong here
    rare_classes: tuple[int, ...] | None = None  # instead of the augmentation's
    horizon: float = 0.46  # row of the horizon, as a share of the height
    pack_scale: float = 1.0  # the size at which the packed form holds the images


@dataclass(frozen=True)
class StreetConfig:
    """The rendered street as a source; its seeds stay clear of the demo's and the tests'."""

    folder: str = 'runs/street'  # rendered once, by the command `street`
    share: float = 0.0
    weight: float = 1.0
    first_seed: int = 1000
    scenes: int = 24
    # What the street stages, scene after scene; '': nothing. Only in 'traffic' there are trucks,
    # buses and trains.
    stages: tuple[str, ...] = ('',)
    frames: int = 4  # of each scene, spread over its 12 seconds
    scale: tuple[float, float] = (0.45, 1.0)


@dataclass(frozen=True)
class DataConfig:
    """Where the frames come from."""

    root: str = '../shared/data'
    packed: str | None = None  # a packed file instead of the folders
    computed: str | None = None  # the folder of the command `teacher`; none: labels alone
    sources: tuple[SourceConfig, ...] = ()
    choice: tuple[SourceConfig, ...] = ()  # what the best checkpoint is chosen by
    street: StreetConfig = field(default_factory=StreetConfig)
    validation: SourceConfig | None = None


@dataclass(frozen=True)
class AugmentConfig:
    """How a crop is drawn and changed."""

    crop: tuple[int, int] = (192, 320)
    aspect: float = 0.1  # the width is stretched by up to this share
    rare_probability: float = 0.4  # a crop is centred on a pixel of a rare class
    rare_classes: tuple[int, ...] = (4, 5, 6, 7, 11, 12, 14, 15, 16, 17, 18)
    paste_probability: float = 0.5
    paste_classes: tuple[int, ...] = (11, 12, 17, 18)
    paste_most: int = 4
    paste_height: tuple[float, float] = (8, 90)  # network pixels
    # Large ones, of frames that a human labelled: teachers confuse them. One a crop, so often.
    paste_vehicles: float = 0.0
    vehicle_classes: tuple[int, ...] = (14, 15, 16)
    vehicle_height: tuple[float, float] = (24, 200)
    cutmix_probability: float = 0.0  # a rectangle of another crop, with its labels
    mixup_probability: float = 0.0  # a blend with another one, if a teacher says what it is
    colour: float = 0.8
    blur: float = 0.2
    noise: float = 0.15
    grey: float = 0.05
    on_device: bool = False  # crops are made where the network is, in whole batches: for a GPU


@dataclass(frozen=True)
class TrainConfig:
    """The optimisation."""

    seed: int = 0
    device: str = 'auto'  # auto, cpu or cuda
    bf16: bool = True
    channels_last: bool = True
    threads: int = 0  # of the CPU; 0: torch's choice
    workers: int = 1
    steps: int = 8000
    minutes: float = 0.0  # a time budget: the run, and the rate's decay, also end with it
    batch: int = 8
    lr: float = 5e-4
    muon: bool = False  # for the transformer's matrices, with AdamW for all else
    head_lr_factor: float = 1.0  # times `lr`, for what is not the backbone
    weight_decay: float = 0.01
    warmup: int = 200
    decay_steps: int = 0  # the last ones, in which the rate falls; 0: all
    power: float = 0.9
    ema: float = 0.998
    clip: float = 5.0
    loss_stride: int = 1  # the loss looks at every n-th row and column of the labels
    dice: float = 0.0  # share of the soft Dice loss beside the cross entropy
    class_weights: Mapping[int, float] = field(default_factory=dict)
    log_every: int = 20
    validate_every: int = 500
    chosen_classes: tuple[int, ...] = (11, 12, 18)
    chosen_weight: float = 1.0  # of their mean IoU beside mIoU where the best is chosen
    save_every: int = 250
    input_size: tuple[int, int] = (192, 640)  # of the validation


@dataclass(frozen=True)
class Config:
    """A whole training run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


def _build(kind, value, where):
    """Turn plain YAML data into the annotated type, naming what does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        if value is None:
            return None
        return _build(next(a for a in arguments if a is not type(None)), value, where)
    if is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise ValueError(f'{where} is {shortened(value)}: a table of settings is wanted')
        kinds = typing.get_type_hints(kind)
        unknown = sorted(set(value) - set(kinds), key=str)
        if unknown:
            raise ValueError(f'{where}: unknown {shortened(unknown)}; '
                             f'known: {sorted(kinds)}')
        missing = [f.name for f in fields(kind) if f.name not in value and _required(f)]
        if missing:
            raise ValueError(f'{where}: {missing} must be given')
        return kind(**{k: _build(kinds[k], v, f'{where}.{k}') for k, v in value.items()})
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f'{where} is {shortened(value)}: a list is wanted')
        if arguments[-1] is Ellipsis:
            arguments = arguments[:1] * len(value)
        if len(arguments) != len(value):
            raise ValueError(f'{where} has {len(value)} values: {len(arguments)} are wanted')
        return tuple(_build(arguments[i], v, f'{where}[{i}]') for i, v in enumerate(value))
    if origin is Mapping:
        # JSON, as a run keeps its settings, has numbers as keys in quotes alone.
        numbers = arguments[0] is int
        return {_build(arguments[0], int(k) if numbers and str(k).isdecimal() else k, where):
                _build(arguments[1], v, where) for k, v in value.items()}
    if kind is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:  # YAML 1.1 takes 1e-3 for a word
            return float(value)
        except ValueError:
            raise ValueError(f'{where} is {shortened(value)}: float is wanted') from None
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f'{where} is {shortened(value)}: {kind.__name__} is wanted')
    return value


def _required(item):
    return item.default is MISSING and item.default_factory is MISSING


def from_dict(data: Mapping) -> Config:
    """Return the configuration of plain YAML data; `ValueError` names what is wrong."""
    return _build(Config, data, 'config')


def _read(path, above=()):
    """Return what a file says, and the file that it is based on, and so on."""
    if path.resolve() in above:
        raise ValueError(f'{path} is its own base: name another one, or none')
    try:
        data = load_yaml(path) or {}
    except ValueError as error:
        raise ValueError(f'{path} {error}') from error
    if not isinstance(data, Mapping):
        raise ValueError(f'{path} is {shortened(data)}: a table of settings is wanted')
    if 'base' not in data:
        return data
    base = data.pop('base')
    if not isinstance(base, str):
        raise ValueError(f'{path}: base is {shortened(base)}: the name of a file is wanted')
    return _merged(_read(path.parent / base, (*above, path.resolve())), data)


def _merged(base, changes):
    """Return `base` with `changes`, table by table; anything else is replaced as a whole."""
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if both else value
    return result


def load(path: str | Path, overrides: list[str] = ()) -> Config:
    """
    Read a configuration from YAML, with `section.key=value` overrides.

    A value is itself YAML: `train.steps=100`, `model.start=null`, `augment.crop=[96, 160]`. A
    file that names another one as `base`, relative to itself, gives only what differs from it.
    """
    data = _read(Path(path))
    for override in overrides:
        keys, separator, value = override.partition('=')
        if not separator:
            raise ValueError(f'{override!r}: an override reads section.key=value')
        *sections, last = keys.split('.')
        table = data
        for section in sections:
            table = table.setdefault(section, {})
            if not isinstance(table, dict):
                raise ValueError(f'{override!r}: {section} is {shortened(table)}, and no table')
        try:
            table[last] = parse_yaml(value)
        except ValueError as error:
            raise ValueError(f'the value of {shortened(override)} {error}') from error
    return from_dict(data)


def to_dict(config: Config) -> dict:
    """Return plain data that `from_dict` reads back."""
    return asdict(config)
