"""Rigid transforms between frames that do not move against each other."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
import math

import numpy as np

from aim_ros.hazards.geometry import GroundCamera

_FARTHEST = 100.0
_LENGTH_ERROR = 0.01


@cache
def _rotation() -> type:
    """Return SciPy's rotations, whose import takes long, and which not everybody needs."""
    from scipy.spatial.transform import Rotation
    return Rotation


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """
    Takes points of one frame into another.

    :param rotation: (3, 3) float64, orthonormal.
    :param translation: (3,) float64, metres.
    """

    rotation: np.ndarray
    translation: np.ndarray

    @classmethod
    def of(cls, translation: Sequence[float], quaternion: Sequence[float]) -> 'RigidTransform':
        """
        Make a transform of a translation and a rotation, as ``geometry_msgs/Transform`` has them.

        :param translation: (x, y, z), metres.
        :param quaternion: (x, y, z, w), of length 1.
        :raises ValueError: these are not numbers, or no rotation.
        """
        if not all(map(math.isfinite, (*translation, *quaternion))):
            raise ValueError('a transform has numbers that are not finite')
        if abs((length := math.hypot(*quaternion)) - 1) >= _LENGTH_ERROR:
            raise ValueError(f'a transform has a quaternion of length {length:g}; expected 1')
        rotation = _rotation().from_quat(quaternion)
        return cls(rotation.as_matrix(), np.array(translation, np.float64))

    @classmethod
    def identity(cls) -> 'RigidTransform':
        """Return the transform that leaves points where they are."""
        return cls(np.eye(3), np.zeros(3))

    def on_vehicle(self) -> 'RigidTransform':
        """
        Return this transform.

        :raises ValueError: its frames are too far apart for two sensors of a vehicle.
        """
        if (distance := math.hypot(*self.translation)) > _FARTHEST:
            raise ValueError(f'the frames are {distance:g} m apart; on a vehicle they are at most '
                             f'{_FARTHEST:g} m')
        return self

    @property
    def matrix(self) -> np.ndarray:
        """The homogeneous matrix, (4, 4) float64."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation
        return matrix

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """The rotation as (x, y, z, w)."""
        return tuple(_rotation().from_matrix(self.rotation).as_quat().tolist())

    def inverse(self) -> 'RigidTransform':
        """Return the transform back."""
        return RigidTransform(self.rotation.T, -self.rotation.T @ self.translation)

    def __matmul__(self, first: 'RigidTransform') -> 'RigidTransform':
        """Return the transform that does `first`, then this one."""
        return RigidTransform(
            self.rotation @ first.rotation,
            self.rotation @ first.translation + self.translation)


class TransformTree:
    """Frames that are fixed to each other, by name."""

    def __init__(self):
        self._neighbours: dict[str, dict[str, RigidTransform]] = {}
        self._parents: dict[str, str] = {}

    def set(self, parent: str, child: str, transform: RigidTransform) -> None:
        """
        Fix a frame to another one, or anew; it is fixed to one parent alone, the last.

        :param transform: takes points of the child into the parent.
        """
        before = self._parents.get(child, parent)
        # Where they have changed places, what joins them is how the parent of before is fixed.
        if before != parent and self._parents.get(before) != child:
            del self._neighbours[before][child], self._neighbours[child][before]
        self._parents[child] = parent
        self._neighbours.setdefault(parent, {})[child] = transform
        self._neighbours.setdefault(child, {})[parent] = transform.inverse()

    def find(self, target: str, source: str) -> RigidTransform | None:
        """Return what takes points of `source` into `target`; None where they are not joined."""
        found = {target: RigidTransform.identity()}
        queue = deque([target])
        while queue:
            frame = queue.popleft()
            if frame == source:
                return found[frame]
            for other, transform in self._neighbours.get(frame, {}).items():
                if other not in found:
                    found[other] = found[frame] @ transform
                    queue.append(other)
        return None


def ground_transform(ground: GroundCamera) -> RigidTransform:
    """
    Return what takes points of a camera's ground frame into its optical frame.

    The optical frame has z along the axis, x to the right and y down; the ground frame lies on the
    road below the camera, with x forward, y to the left and z up (both REP 103).
    """
    sine, cosine = np.sin(ground.pitch), np.cos(ground.pitch)
    forward, left, up = (0, -sine, cosine), (-1, 0, 0), (0, -cosine, -sine)
    rotation = np.array([forward, left, up], np.float64).T
    return RigidTransform(rotation, -ground.height * rotation[:, 2])
