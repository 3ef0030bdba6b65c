"""Which classes of a model are one road user, and what each says of its kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from functools import lru_cache

import numpy as np

from aim_ros.hazards.components import ClassGroups
from aim_ros.hazards.components import MAX_PARTS
from aim_ros.segmentation.labels import LabelSet
from aim_ros.segmentation.labels import ROLES
from aim_ros.segmentation.labels import UnknownClassError

VULNERABLE, VEHICLE = 'vulnerable', 'vehicle'

PERSON, RIDER, BICYCLE, MOTORCYCLE, CYCLIST, MOTORCYCLIST = range(6)
"""The parts that a vulnerable road user is made of; the last two are rider and vehicle in one."""

BODIES = (PERSON, RIDER, CYCLIST, MOTORCYCLIST)
"""The parts that are people."""

PART_NAMES = {
    PERSON: ('person', 'pedestrian', 'person group', 'human', 'adult', 'child',
             'construction worker', 'police officer', 'wheelchair', 'stroller',
             'personal mobility', 'individual'),
    RIDER: ('rider', 'other rider', 'rider group'),
    BICYCLE: ('bicycle', 'bike', 'bicycle group'),
    MOTORCYCLE: ('motorcycle', 'motorbike', 'motorbicycle', 'motorcycle group', 'minibike',
                 'scooter', 'moped', 'motorcyclescooter'),
    CYCLIST: ('bicyclist', 'cyclist'),
    MOTORCYCLIST: ('motorcyclist',),
}
"""The class names of each part, in the words of several data sets."""

POST_NAMES = ('pole', 'polegroup', 'pole group', 'utility pole', 'street light', 'traffic light',
              'traffic sign', 'tree', 'trunk', 'vegetation')
"""The class names of what is narrow, and people walk by behind."""


@dataclass(frozen=True)
class RoadUserClasses:
    """
    The classes of one model, sorted into groups of which each makes one kind of hazard.

    :param names: the model's class names.
    :param group_names: for each class the name of its group: `VULNERABLE`, `VEHICLE`, or its own.
    :param parts: for each class which part of its group it is, 0 .. `MAX_PARTS` - 1.
    """

    names: tuple[str, ...]
    group_names: tuple[str, ...]
    parts: tuple[int, ...]

    @classmethod
    def of(cls, labels: LabelSet) -> 'RoadUserClasses':
        """Sort the classes of a label set by their names."""
        groups, parts = list(labels.names), [0] * len(labels)
        for number, class_id in enumerate(_known(labels, ROLES[VEHICLE + 's'])):
            groups[class_id], parts[class_id] = VEHICLE, min(number, MAX_PARTS - 1)
        for part, names in PART_NAMES.items():
            for class_id in _known(labels, names):
                groups[class_id], parts[class_id] = VULNERABLE, part
        return cls(labels.names, tuple(groups), tuple(parts))

    @cached_property
    def is_vehicle(self) -> np.ndarray:
        """For each value that a mask may hold, whether it is a vehicle's class, bool (256,)."""
        return self._table([k for k, name in enumerate(self.group_names) if name == VEHICLE])

    @cached_property
    def is_post(self) -> np.ndarray:
        """For each value that a mask may hold, whether a post may have that class, bool (256,)."""
        return self._table(_known(LabelSet(self.names), POST_NAMES))

    def _table(self, class_ids: Sequence[int]) -> np.ndarray:
        """Return for each value that a mask may hold whether it is one of some classes, bool."""
        table = np.zeros(max(len(self.names), 256), bool)
        table[class_ids] = True
        return table

    def groups_of(self, class_ids: Sequence[int]) -> tuple[str, ...]:
        """Return the names of the groups that some classes belong to, each once, in order."""
        return tuple(dict.fromkeys(self.group_names[class_id] for class_id in class_ids))

    def search(self, class_ids: tuple[int, ...]) -> ClassGroups:
        """Return what a search for the regions of some classes takes; group k is `groups_of`'s."""
        return _search(self, class_ids)

    def positions(self, some: Sequence[int], among: Sequence[int]) -> tuple[int, ...]:
        """Return where the groups of some classes stand among those of others."""
        groups = self.groups_of(among)
        return tuple(groups.index(name) for name in self.groups_of(some))

    def classes_of(self, groups: np.ndarray, parts: np.ndarray) -> np.ndarray:
        """
        Return the class that most pixels of each road user have, int (n,).

        :param groups: the names of their groups, (n,).
        :param parts: their pixels by part, (n, `MAX_PARTS`).
        """
        found = np.empty(len(groups), int)
        for group in set(groups.tolist()):
            own, class_of_part = groups == group, self._members[group]
            most = parts[own][:, list(class_of_part)].argmax(1)
            found[own] = np.array(list(class_of_part.values()))[most]
        return found

    @cached_property
    def _members(self) -> dict[str, dict[int, int]]:
        """The first class of each part of each group."""
        members: dict[str, dict[int, int]] = {}
        for class_id, (group, part) in enumerate(zip(self.group_names, self.parts, strict=True)):
            members.setdefault(group, {}).setdefault(part, class_id)
        return members


@lru_cache(maxsize=64)
def _search(classes: RoadUserClasses, class_ids: tuple[int, ...]) -> ClassGroups:
    numbers = {name: k for k, name in enumerate(classes.groups_of(class_ids))}
    # Masks hold no other ids than the model's; the table's length spares a check of each pixel.
    group = np.full(max(len(classes.names), 256), -1, np.int16)
    part = np.zeros_like(group)
    for class_id in class_ids:
        group[class_id] = numbers[classes.group_names[class_id]]
        part[class_id] = classes.parts[class_id]
    return ClassGroups(group, part, len(numbers))


def _known(labels: LabelSet, names: Sequence[str]) -> list[int]:
    """Return the ids of those classes that a label set has."""
    found = []
    for name in sorted(names):
        try:
            found += labels.resolve([name])
        except UnknownClassError:
            continue
    return sorted(set(found))


_KINDS = np.array([
    ('bicycle', 'motorcycle'), ('cyclist', 'motorcyclist'), ('pedestrian', 'pedestrian')], object)
"""Kinds of vulnerable road users: without a motor, and with one."""


def kinds_of(groups: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """
    Return what road users are, by the shares of their parts.

    :param groups: the names of their groups, (n,).
    :param shares: of the pixels of each by part, (n, `MAX_PARTS`), with the sum 1.
    :return: pedestrian, cyclist, motorcyclist, bicycle, motorcycle, vehicle, or the group's name,
        str (n,).
    """
    person, rider, bicycle, motorcycle, cyclist, motorcyclist = shares.T[:6]
    motorised = motorcycle + motorcyclist > bicycle + cyclist
    rider = rider + cyclist + motorcyclist
    wheels, people = bicycle + motorcycle, person + rider
    # A rider rides something, seen or not; a person beside a few pixels of a bicycle walks.
    rides = (rider > person) | (wheels > _LEAST_SHARE)
    number = np.where(people < _LEAST_SHARE, 0, np.where(rides, 1, 2))
    return np.where(groups == VULNERABLE, _KINDS[number, motorised.astype(int)], groups)


def are_riding(groups: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """
    Return who is plainly a rider with something to ride, bool (n,).

    The parameters are those of `kinds_of`.
    """
    person, rider, bicycle, motorcycle, cyclist, motorcyclist = shares.T[:6]
    both, wheels = cyclist + motorcyclist, bicycle + motorcycle
    return (groups == VULNERABLE) & (rider + both > person) & (
        (wheels > _LEAST_SHARE) | (both > _LEAST_SHARE))


def ride_nothing(parts: np.ndarray) -> np.ndarray:
    """
    Return which road users are riders of whose vehicle nothing is seen, bool (n,).

    :param parts: the pixels of each by part, (n, `MAX_PARTS`).
    """
    riders = parts[:, RIDER]
    return (riders > parts[:, PERSON]) & (parts[:, BICYCLE:].sum(1) <= _FEW_SHARE * riders)


def are_mostly_people(parts: np.ndarray) -> np.ndarray:
    """
    Return of which road users most of what is seen is people, on foot or riding, bool (n,).

    :param parts: the pixels of each by part, (n, `MAX_PARTS`).
    """
    return 2 * parts[:, list(BODIES)].sum(1) > parts.sum(1)


_FEW_SHARE = 0.05
"""Of the pixels of a rider: less of a vehicle than this is none."""

_LEAST_SHARE = 0.15
"""Of the pixels of a road user: parts with less do not decide what it is."""
