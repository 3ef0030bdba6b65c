"""The classes of a model: their names, ids and colours, and the roles that profiles speak of."""

from collections.abc import Iterable
from collections.abc import Mapping
import colorsys
from dataclasses import dataclass
import difflib
import re

from aim_ros.plain_data import shortened

# What each role means, in the class names of Cityscapes, ADE20K, Mapillary Vistas, COCO-Stuff,
# CamVid, the India Driving Dataset, Waymo, nuScenes and A2D2.
ROLES: dict[str, frozenset[str]] = {
    'people': frozenset({
        'person', 'rider', 'pedestrian', 'bicyclist', 'motorcyclist', 'other rider',
        'person group', 'rider group', 'cyclist', 'human', 'adult', 'child', 'construction worker',
        'police officer', 'wheelchair', 'stroller', 'personal mobility', 'individual',
    }),
    'two_wheelers': frozenset({
        'bicycle', 'bike', 'motorcycle', 'motorbike', 'minibike', 'bicyclist', 'motorcyclist',
        'bicycle group', 'motorcycle group', 'motorbicycle', 'cyclist', 'scooter', 'moped',
        'motorcyclescooter',
    }),
    'vehicles': frozenset({
        'car', 'truck', 'bus', 'train', 'van', 'caravan', 'trailer', 'vehicle', 'on rails',
        'tram', 'other vehicle', 'car group',
    }),
    'signals': frozenset({
        'traffic light', 'traffic sign', 'sign', 'signboard', 'sign symbol', 'signsymbol',
        'traffic sign (front)', 'stop sign',
    }),
    'greenery': frozenset({
        'vegetation', 'terrain', 'tree', 'grass', 'plant', 'palm', 'bush', 'flower', 'field',
    }),
    'drivable': frozenset({
        'road', 'route', 'lane marking general', 'lane marking crosswalk', 'crosswalk plain',
        'service lane', 'bike lane', 'parking', 'manhole', 'pothole', 'catch basin',
    }),
}

# The published Cityscapes palette, by class name, so that any label set shows a person alike.
_COLORS: dict[str, tuple[int, int, int]] = {
    'road': (128, 64, 128), 'sidewalk': (244, 35, 232), 'building': (70, 70, 70),
    'wall': (102, 102, 156), 'fence': (190, 153, 153), 'pole': (153, 153, 153),
    'traffic light': (250, 170, 30), 'traffic sign': (220, 220, 0),
    'vegetation': (107, 142, 35), 'terrain': (152, 251, 152), 'sky': (70, 130, 180),
    'person': (220, 20, 60), 'rider': (255, 0, 0), 'car': (0, 0, 142), 'truck': (0, 0, 70),
    'bus': (0, 60, 100), 'train': (0, 80, 100), 'motorcycle': (0, 0, 230),
    'bicycle': (119, 11, 32), 'tree': (107, 142, 35), 'grass': (152, 251, 152),
    'minibike': (0, 0, 230),
}


# The last word of what people are called; not every name is known to a role.
_PEOPLE = frozenset({
    'person', 'persons', 'people', 'pedestrian', 'pedestrians', 'human', 'humans', 'child',
    'children', 'kid', 'adult', 'man', 'woman', 'boy', 'girl', 'rider', 'riders', 'cyclist',
    'bicyclist', 'motorcyclist', 'biker', 'walker', 'worker', 'officer', 'policeman', 'wheelchair',
    'skater', 'crowd', 'individual',
})


class UnknownClassError(ValueError):
    """A name that is neither a role nor a class of the label set, or a role without classes."""


def normalise(name: str) -> str:
    """Return `name` in lower case, with single spaces for the separators in use."""
    return re.sub(r'[\s_\-]+', ' ', name).strip().lower()


def synonyms(name: str) -> tuple[str, ...]:
    """
    Return the normalised synonyms in a name.

    As in ``'minibike, motorbike'`` and ``'person/animal'``; of ``'human--person'`` and
    ``'vehicle.car'`` the last part, and of ``'Pedestrian 2'`` the word.
    """
    parts = (re.split(r'--|\.(?=\w)', part)[-1] for part in re.split('[,;/]', name))
    words = (re.sub(r'(?<=\D) \d+$', '', normalise(part)) for part in parts)
    return tuple(dict.fromkeys(filter(None, words)))


def nearest(name: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of `choices` that are spelt most like `name`, best first."""
    by_key = {normalise(choice): choice for choice in choices}
    return [by_key[key] for key in difflib.get_close_matches(normalise(name), by_key, count, 0.5)]


@dataclass(frozen=True)
class LabelSet:
    """
    The classes that a model tells apart.

    :param names: class names; the index is the class id, i.e. the value in a mask.
    """

    names: tuple[str, ...]

    def __post_init__(self):
        if not self.names:
            raise ValueError('a label set needs at least one class')

    @classmethod
    def from_id2label(cls, id2label: Mapping[int | str, str]) -> 'LabelSet':
        """
        Make a label set from a checkpoint's ``id2label``; a class without a name gets one.

        :raises ValueError: the ids are not 0, 1, ... without a gap, or there are none.
        """
        try:
            by_id = {
                int(key): ('' if name is None else str(name).strip()) or f'class {int(key)}'
                for key, name in id2label.items()}
        except ValueError as error:
            raise ValueError(f'id2label must map ids to names, '
                             f'got {shortened(list(id2label))}') from error
        if sorted(by_id) != list(range(len(by_id))):
            raise ValueError(f'id2label must map 0..{len(by_id) - 1}, '
                             f'got ids {shortened(sorted(by_id))}')
        return cls(tuple(by_id[i] for i in range(len(by_id))))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mask_encoding(self) -> str:
        """The ROS image encoding that holds every class id: ``mono8``, or ``mono16``."""
        return 'mono8' if len(self) <= 255 else 'mono16'

    @property
    def colors(self) -> tuple[tuple[int, int, int], ...]:
        """One RGB colour a class: Cityscapes' where the class is known, else well spread hues."""
        return tuple(self._color(i) for i in range(len(self)))

    def _color(self, class_id: int) -> tuple[int, int, int]:
        for alias in synonyms(self.names[class_id]):
            if alias in _COLORS:
                return _COLORS[alias]
        # Steps of the golden ratio keep the hues of neighbouring ids far apart.
        red, green, blue = colorsys.hsv_to_rgb(class_id * 0.618034 % 1.0, 0.65, 0.85)
        return round(red * 255), round(green * 255), round(blue * 255)

    def selectable(self) -> tuple[str, ...]:
        """Return names that `resolve` takes: roles with classes here, then each class's first."""
        roles = [role for role in ROLES if self.role(role)]
        return (*roles, *(label.partition(',')[0].strip() for label in self.names))

    def resolve(self, names: Iterable[str]) -> tuple[int, ...]:
        """
        Return the sorted ids of the classes that `names` mention.

        :param names: class names of this label set or roles, see `ROLES`; a class name wins over
            a role that is spelt alike. Case and ``_ -`` do not matter.
        :raises UnknownClassError: a name is neither, or a role has no class here.
        """
        ids: set[int] = set()
        for name in names:
            ids.update(self._resolve_one(name))
        return tuple(sorted(ids))

    def overlooked(self, class_ids: Iterable[int]) -> tuple[str, ...]:
        """Return the names of the classes that seem to be people, and are none of these."""
        alerted = frozenset(class_ids)
        others = (label for i, label in enumerate(self.names) if i not in alerted)
        return tuple(label for label in others if any(
            alias.rpartition(' ')[2] in _PEOPLE for alias in synonyms(label)))

    def role(self, name: str) -> tuple[int, ...]:
        """Return the sorted ids of the classes that have a role of `ROLES`; maybe none."""
        members = ROLES[name]
        return tuple(i for i, label in enumerate(self.names)
                     if members.intersection(synonyms(label)))

    def _resolve_one(self, name: str) -> list[int]:
        key = normalise(name)
        exact = [i for i, label in enumerate(self.names)
                 if key == normalise(label) or key in synonyms(label)]
        if exact:
            return exact
        role = key.replace(' ', '_')
        if role not in ROLES:
            known = [alias for label in self.names for alias in synonyms(label)]
            close = nearest(name, [*known, *self.names, *ROLES])
            hint = f'did you mean {", ".join(close)}?' if close else (
                f'classes: {self._listing()}')
            raise UnknownClassError(
                f'unknown class or role {name!r}; {hint} (roles: {", ".join(ROLES)})')
        ids = list(self.role(role))
        if not ids:
            raise UnknownClassError(
                f'the model has no class of the role {name!r}; its classes: {self._listing()}')
        return ids

    def _listing(self, limit: int = 24) -> str:
        shown = ', '.join(self.names[:limit])
        return shown if len(self) <= limit else f'{shown}, ... ({len(self)} in all)'


CITYSCAPES = LabelSet((
    'road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light', 'traffic sign',
    'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck', 'bus', 'train',
    'motorcycle', 'bicycle',
))
"""The 19 train ids of Cityscapes."""
