"""The pixels of one frame's decisions, looked at where a box alone does not tell."""

import numpy as np

from aim_ros.hazards.boxes import Box
from aim_ros.hazards.boxes import clipped
from aim_ros.hazards.colours import histogram
from aim_ros.hazards.colours import Picture
from aim_ros.hazards.colours import SHAPE
from aim_ros.hazards.components import MAX_PARTS
from aim_ros.hazards.groups import BODIES
from aim_ros.hazards.groups import RoadUserClasses
from aim_ros.hazards.kernels import compiled_at_first_call

_IS_BODY = np.isin(np.arange(MAX_PARTS), BODIES)


class Pixels:
    """
    The pixels that either of two decisions gives to the groups of some classes.

    :param base: (H, W) class ids of the unmodulated decision.
    :param other: (H, W) class ids of the modulated decision; `base` itself if there is none.
    :param class_ids: the classes that count.
    :param picture: the image that was decided about; None where it is not at hand.
    """

    def __init__(self, base: np.ndarray, other: np.ndarray, classes: RoadUserClasses,
                 class_ids: tuple[int, ...], picture: Picture | None = None):
        self._base, self._other, self._picture = base, other, picture
        self._search = classes.search(class_ids)
        self._is_vehicle = classes.is_vehicle
        self._numbers = {name: k for k, name in enumerate(classes.groups_of(class_ids))}

    def look(self, group: str, box: Box) -> tuple[Box, int, tuple[int, ...]] | None:
        """Return bounding box, area and parts of a group's pixels in a box; None without any."""
        inside = clipped(box, self._base.shape)
        if inside is None:
            return None
        pixels, ids = self._crop(group, inside)
        rows, columns = np.nonzero(pixels)
        if not len(rows):
            return None
        left, top = int(columns.min()), int(rows.min())
        tight = (inside[0] + left, inside[1] + top,
                 int(columns.max()) - left + 1, int(rows.max()) - top + 1)
        parts = np.bincount(self._search.part_of_class[ids[rows, columns]], minlength=MAX_PARTS)
        return tight, len(rows), tuple(parts.tolist())

    def bodies(self, group: str, box: Box) -> np.ndarray:
        """Return which pixels of a box in the image are people, on foot or riding, bool (h, w)."""
        pixels, ids = self._crop(group, box)
        return pixels & _IS_BODY[self._search.part_of_class[ids]]

    @property
    def picture(self) -> Picture | None:
        """The image that was decided about; None where it is not at hand."""
        return self._picture

    def colours(self, group: str, box: Box, body: tuple[float, float]) -> np.ndarray:
        """
        Return the colours of a group's pixels in a box, see `histogram`.

        :param body: the row at which the body begins that is seen there, and its height.
        """
        inside = clipped(box, self._base.shape)
        if inside is None or self._picture is None:
            return np.zeros(SHAPE, np.float32)
        return histogram(self._picture, self._crop(group, inside)[0], inside[:2], body)

    def stand_on_vehicles(self, boxes: np.ndarray) -> np.ndarray:
        """
        Return of which boxes most of what is right below is a vehicle, bool (n,).

        :param boxes: in the image, in whole pixels, (n, 4). The unmodulated decision counts.
        """
        return _stand_on(boxes, self._base, self._is_vehicle)

    def _crop(self, group: str, box: Box) -> tuple[np.ndarray, np.ndarray]:
        """Return which pixels of a box belong to a group, and the ids by which they do."""
        x, y, width, height = box
        crop = np.s_[y:y + height, x:x + width]
        ids = self._base[crop]
        own = self._search.group_of_class[ids] == self._numbers[group]
        if self._other is self._base:
            return own, ids
        other = self._other[crop]
        turned = self._search.group_of_class[other] == self._numbers[group]
        return own | turned, np.where(own, ids, other)


@compiled_at_first_call
def _stand_on(boxes: np.ndarray, ids: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """
    Return of which boxes (n, 4) most of the two rows right below are of some classes, bool (n,).

    :param ids: class ids, (H, W).
    :param counts: whether a class counts, by its id, bool.
    """
    found = np.zeros(len(boxes), np.bool_)
    for i in range(len(boxes)):
        left, bottom = int(boxes[i, 0]), int(boxes[i, 1] + boxes[i, 3])
        own = others = 0
        for row in range(bottom, min(bottom + 2, len(ids))):
            for column in range(left, min(left + int(boxes[i, 2]), ids.shape[1])):
                if counts[ids[row, column]]:
                    own += 1
                else:
                    others += 1
        found[i] = own > others
    return found


def prepare() -> None:
    """Compile what is compiled, so that the first road user finds it in place."""
    for kind in (np.uint8, np.uint16):
        _stand_on(np.ones((1, 4)), np.zeros((4, 4), kind), np.zeros(1, bool))
